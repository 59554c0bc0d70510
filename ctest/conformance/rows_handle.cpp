// SPDX-License-Identifier: MIT
// Version, error names, handles.
#include "objects.h"
#include "rows.h"

#include <cstdint>
#include <string>

namespace conformance {
namespace {

// "&major,NULL,&patch"
void get_version(Text& text, Answer& answer)
{
    const char* const names[] = {"major", "minor", "patch"};
    std::size_t numbers[3] = {};
    std::size_t* places[3] = {};
    for(int at = 0; at < 3; ++at) {
        if(at > 0) {
            text.expect(",");
        }
        if(!text.take("NULL")) {
            text.expect("&");
            text.expect(names[at]);
            places[at] = &numbers[at];
        }
    }
    text.expect_end();
    answer.status(miopenGetVersion(places[0], places[1], places[2]));
    for(int at = 0; at < 3; ++at) {
        if(places[at] != nullptr) {
            answer.add(names[at], static_cast<long long>(numbers[at]));
        }
    }
}

// "7"
void get_error_string(Text& text, Answer& answer)
{
    int status = text.integer();
    text.expect_end();
    answer.status(miopenStatusSuccess);
    answer.add("str", miopenGetErrorString(static_cast<miopenStatus_t>(status)));
}

void destroy_if_new(miopenHandle_t handle, miopenHandle_t preset)
{
    if(handle != preset) {
        miopenDestroy(handle);
    }
}

miopenHandle_t preset_handle()
{
    return reinterpret_cast<miopenHandle_t>(std::uintptr_t{0x77});
}

// "&h (h preset 0x77)" or "NULL"
void create(Text& text, Answer& answer)
{
    miopenHandle_t handle = preset_handle();
    if(text.ends_with("NULL")) {
        answer.status(miopenCreate(nullptr));
        return;
    }
    text.expect("&h");
    text.take(" (h preset 0x77)");
    text.expect_end();
    answer.status(miopenCreate(&handle));
    answer.add("changed", handle != preset_handle());
    destroy_if_new(handle, preset_handle());
}

// "&h,NULL stream" or "NULL"
void create_with_stream(Text& text, Answer& answer)
{
    miopenHandle_t handle = preset_handle();
    if(text.take("&h,")) {
        text.expect("NULL stream");
        text.expect_end();
        answer.status(miopenCreateWithStream(&handle, nullptr));
        answer.add("changed", handle != preset_handle());
        destroy_if_new(handle, preset_handle());
        return;
    }
    text.expect("NULL");
    text.expect_end();
    answer.status(miopenCreateWithStream(nullptr, nullptr));
}

// "NULL", "valid", "twice"
void destroy(Text& text, Answer& answer)
{
    if(text.ends_with("NULL")) {
        answer.status(miopenDestroy(nullptr));
        return;
    }
    miopenHandle_t handle = nullptr;
    must(miopenCreate(&handle));
    bool twice = text.ends_with("twice");
    if(twice) {
        must(miopenDestroy(handle));
    } else {
        text.expect("valid");
        text.expect_end();
    }
    answer.status(miopenDestroy(handle));
}

bool null_handle(Text& text)
{
    return text.ends_with("NULL handle") || text.ends_with("NULL");
}

// "NULL handle", "default", "out NULL"
void get_stream(Text& text, Answer& answer)
{
    miopenAcceleratorQueue_t stream = nullptr;
    if(null_handle(text)) {
        answer.status(miopenGetStream(nullptr, &stream));
        return;
    }
    Handle handle;
    if(text.ends_with("out NULL")) {
        answer.status(miopenGetStream(handle, nullptr));
        return;
    }
    text.expect("default");
    text.expect_end();
    answer.status(miopenGetStream(handle, &stream));
    answer.add("null", stream == nullptr);
}

// "NULL handle", "NULL stream"
void set_stream(Text& text, Answer& answer)
{
    if(null_handle(text)) {
        answer.status(miopenSetStream(nullptr, nullptr));
        return;
    }
    Handle handle;
    if(!text.take("NULL stream")) {
        text.expect("default");
    }
    text.expect_end();
    answer.status(miopenSetStream(handle, nullptr));
}

// "NULL handle", "true", "false"
void enable_profiling(Text& text, Answer& answer)
{
    if(null_handle(text)) {
        answer.status(miopenEnableProfiling(nullptr, true));
        return;
    }
    Handle handle;
    bool enable = text.take("true") || text.take("1");
    if(!enable && !text.take("false")) {
        text.expect("0");
    }
    text.expect_end();
    answer.status(miopenEnableProfiling(handle, enable));
}

// "NULL handle", "profiling off", "out NULL"
void get_kernel_time(Text& text, Answer& answer)
{
    float time = -1;
    if(null_handle(text)) {
        answer.status(miopenGetKernelTime(nullptr, &time));
        return;
    }
    Handle handle;
    if(text.ends_with("out NULL")) {
        answer.status(miopenGetKernelTime(handle, nullptr));
        return;
    }
    text.expect("profiling off");
    text.expect_end();
    answer.status(miopenGetKernelTime(handle, &time));
    answer.add("t*1000", static_cast<long long>(time * 1000));
}

// "NULL handle", "NULL callbacks"
void set_allocator(Text& text, Answer& answer)
{
    if(null_handle(text)) {
        answer.status(miopenSetAllocator(nullptr, nullptr, nullptr, nullptr));
        return;
    }
    Handle handle;
    text.expect("NULL callbacks");
    text.expect_end();
    answer.status(miopenSetAllocator(handle, nullptr, nullptr, nullptr));
}

} // namespace

void add_handle_rows(RowKinds& kinds)
{
    kinds["miopenGetVersion"] = get_version;
    kinds["miopenGetErrorString"] = get_error_string;
    kinds["miopenCreate"] = create;
    kinds["miopenCreateWithStream"] = create_with_stream;
    kinds["miopenDestroy"] = destroy;
    kinds["miopenGetStream"] = get_stream;
    kinds["miopenSetStream"] = set_stream;
    kinds["miopenEnableProfiling"] = enable_profiling;
    kinds["miopenGetKernelTime"] = get_kernel_time;
    kinds["miopenSetAllocator"] = set_allocator;
}

} // namespace conformance
