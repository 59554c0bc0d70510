# Stands for an installed HIP: the one target that MIOpen's users get through it.
add_library(hip::host INTERFACE IMPORTED)
set_target_properties(hip::host PROPERTIES INTERFACE_COMPILE_DEFINITIONS "CAME_WITH_HIP=1")
