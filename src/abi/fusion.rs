//! Fusion plans and fused calls, in front of a real library.
//!
//! Of what is fused here ours computes nothing. A plan that holds a convolution to be bypassed is
//! answered as the real library answers when no fused kernel applies: clients then run the parts
//! one by one, and meet us again at the convolution.

use super::backend::real;
use super::call::{Asked, Descriptors, Launch};
use super::entries::RealFunctions;
use super::fork;
use super::guard::guard;
use super::objects::{Table, key_of};
use super::proxy::{Known, Proxy, RawConv, RawTensor, is_success};
use crate::error::{Error, Result, Status};
use crate::problem::Direction;
use crate::sys::*;
use std::ffi::c_void;
use std::rc::Rc;

/// What is noted of a plan.
#[derive(Clone, Default)]
pub(super) struct Plan {
    x: Option<RawTensor>,
    /// The convolution and its filter, if it holds one.
    conv: Option<(RawConv, RawTensor)>,
}

/// Notes of the real library's plans.
pub(super) static PLANS: Table<Plan> = Table::with_foreign(8, "miopenFusionPlanDescriptor_t");

/// Answers in front of the real library.
fn in_front(
    name: &'static str,
    answer: impl FnOnce(&'static Proxy) -> miopenStatus_t,
) -> miopenStatus_t {
    match real() {
        Some(proxy) => answer(proxy),
        None => guard(name, || Err(Error::not_implemented("needs a real libMIOpen"))),
    }
}

/// A closure that calls the real library's function of that name.
macro_rules! to {
    ($name:ident($($argument:expr),* $(,)?)) => {
        |functions: &RealFunctions| {
            // SAFETY: the caller's arguments, for the function that the caller called.
            functions.$name.map(|real| unsafe { real($($argument),*) })
        }
    };
}

/// What is known of the convolution in a plan; `None`: it has none, or it is not ours to judge.
fn judge(
    proxy: &Proxy,
    handle: miopenHandle_t,
    plan: miopenFusionPlanDescriptor_t,
) -> Option<Rc<Known>> {
    let plan = PLANS.get(key_of(plan)).ok()?;
    let (Some(x), Some((conv, w))) = (plan.x, plan.conv) else { return None };
    proxy.judge_parts(handle, [x, w, conv.output(&x, &w)?], conv, Direction::Fwd)
}

fn refused(status: Status) -> Result<()> {
    Err(Error::new(status, "the convolution is to be bypassed, and is not computed fused"))
}

pub(super) unsafe extern "C" fn miopenCreateFusionPlan(
    plan: *mut miopenFusionPlanDescriptor_t,
    direction: miopenFusionDirection_t,
    x: miopenTensorDescriptor_t,
) -> miopenStatus_t {
    const NAME: &str = "miopenCreateFusionPlan";
    in_front(NAME, |proxy| {
        let status = proxy.pass(NAME, to!(miopenCreateFusionPlan(plan, direction, x)));
        if is_success(status) && !plan.is_null() {
            fork::prepare_once();
            let noted = Plan { x: RawTensor::of(proxy.functions(), x), conv: None };
            // SAFETY: the real library has put a plan there.
            PLANS.note(key_of(unsafe { plan.read_unaligned() }), noted);
        }
        status
    })
}

pub(super) unsafe extern "C" fn miopenDestroyFusionPlan(
    plan: miopenFusionPlanDescriptor_t,
) -> miopenStatus_t {
    const NAME: &str = "miopenDestroyFusionPlan";
    in_front(NAME, |proxy| {
        // Before: afterwards the address may be another plan's.
        let _ = PLANS.remove(key_of(plan));
        proxy.pass(NAME, to!(miopenDestroyFusionPlan(plan)))
    })
}

pub(super) unsafe extern "C" fn miopenCreateOpConvForward(
    plan: miopenFusionPlanDescriptor_t,
    op: *mut miopenFusionOpDescriptor_t,
    conv: miopenConvolutionDescriptor_t,
    w: miopenTensorDescriptor_t,
) -> miopenStatus_t {
    const NAME: &str = "miopenCreateOpConvForward";
    in_front(NAME, |proxy| {
        let status = proxy.pass(NAME, to!(miopenCreateOpConvForward(plan, op, conv, w)));
        if is_success(status) {
            let read = RawConv::of(proxy.functions(), conv);
            let read = read.zip(RawTensor::of(proxy.functions(), w));
            // A plan that came into being unseen has no notes: it is the real library's.
            let _ = PLANS.replace(key_of(plan), |old| Ok(Plan { conv: read, ..old.clone() }));
        }
        status
    })
}

pub(super) unsafe extern "C" fn miopenCompileFusionPlan(
    handle: miopenHandle_t,
    plan: miopenFusionPlanDescriptor_t,
) -> miopenStatus_t {
    const NAME: &str = "miopenCompileFusionPlan";
    in_front(NAME, |proxy| match judge(proxy, handle, plan) {
        Some(known) if !known.is_forwarded => guard(NAME, || refused(Status::UnsupportedOp)),
        _ => proxy.pass(NAME, to!(miopenCompileFusionPlan(handle, plan))),
    })
}

/// A launch: refused as a plan that was not compiled, or forwarded under the eyes of the journal.
fn launched(
    name: &'static str,
    proxy: &Proxy,
    handle: miopenHandle_t,
    known: Option<Rc<Known>>,
    workspace_bytes: usize,
    (refusal, forward): (Status, impl FnOnce(&RealFunctions) -> Option<miopenStatus_t>),
) -> miopenStatus_t {
    match known {
        None => proxy.pass(name, forward),
        Some(known) if !known.is_forwarded => guard(name, || refused(refusal)),
        Some(known) => {
            let launch = Launch::Once { workspace_bytes };
            let pass = || proxy.pass(name, forward);
            proxy.watched(name, handle, launch, &known, pass, |_| refused(Status::UnknownError))
        }
    }
}

pub(super) unsafe extern "C" fn miopenExecuteFusionPlan(
    handle: miopenHandle_t,
    plan: miopenFusionPlanDescriptor_t,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    y_desc: miopenTensorDescriptor_t,
    y: *mut c_void,
    args: miopenOperatorArgs_t,
) -> miopenStatus_t {
    const NAME: &str = "miopenExecuteFusionPlan";
    in_front(NAME, |proxy| {
        let known = judge(proxy, handle, plan);
        let forward = to!(miopenExecuteFusionPlan(handle, plan, x_desc, x, y_desc, y, args));
        launched(NAME, proxy, handle, known, 0, (Status::BadParm, forward))
    })
}

pub(super) unsafe extern "C" fn miopenExecuteFusionPlan_v2(
    handle: miopenHandle_t,
    plan: miopenFusionPlanDescriptor_t,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    y_desc: miopenTensorDescriptor_t,
    y: *mut c_void,
    args: miopenOperatorArgs_t,
    workspace: *mut c_void,
    workspace_bytes: usize,
) -> miopenStatus_t {
    const NAME: &str = "miopenExecuteFusionPlan_v2";
    in_front(NAME, |proxy| {
        let known = judge(proxy, handle, plan);
        let forward = to!(miopenExecuteFusionPlan_v2(
            handle,
            plan,
            x_desc,
            x,
            y_desc,
            y,
            args,
            workspace,
            workspace_bytes
        ));
        launched(NAME, proxy, handle, known, workspace_bytes, (Status::BadParm, forward))
    })
}

pub(super) unsafe extern "C" fn miopenConvolutionBiasActivationForward(
    handle: miopenHandle_t,
    alpha1: *const c_void,
    x_desc: miopenTensorDescriptor_t,
    x: *const c_void,
    w_desc: miopenTensorDescriptor_t,
    w: *const c_void,
    conv: miopenConvolutionDescriptor_t,
    algorithm: miopenConvFwdAlgorithm_t,
    workspace: *mut c_void,
    workspace_bytes: usize,
    alpha2: *const c_void,
    z_desc: miopenTensorDescriptor_t,
    z: *const c_void,
    bias_desc: miopenTensorDescriptor_t,
    bias: *const c_void,
    activation: miopenActivationDescriptor_t,
    y_desc: miopenTensorDescriptor_t,
    y: *mut c_void,
) -> miopenStatus_t {
    const NAME: &str = "miopenConvolutionBiasActivationForward";
    in_front(NAME, |proxy| {
        let known = proxy.judge(&Asked {
            handle,
            direction: Direction::Fwd,
            descriptors: Descriptors { x: x_desc, w: w_desc, y: y_desc, conv },
            launch: Launch::Once { workspace_bytes },
            solution_id: None,
        });
        let forward = to!(miopenConvolutionBiasActivationForward(
            handle,
            alpha1,
            x_desc,
            x,
            w_desc,
            w,
            conv,
            algorithm,
            workspace,
            workspace_bytes,
            alpha2,
            z_desc,
            z,
            bias_desc,
            bias,
            activation,
            y_desc,
            y
        ));
        launched(NAME, proxy, handle, known, workspace_bytes, (Status::UnsupportedOp, forward))
    })
}
