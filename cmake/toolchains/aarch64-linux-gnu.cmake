# Cross-compiles for 64-bit ARM on Debian; tests run under qemu. Used by tests/aarch64.sh.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# Debian keeps the libraries of a foreign architecture beside the host's, so there is no sysroot.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
# The libraries of the foreign architecture's packages, not those of the cross compiler: a loader and
# a C library of different builds do not fit (pthread_create() then waits for ever).
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
