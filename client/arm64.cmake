# Toolchain of the preset arm64: Debian's cross compiler and multi-arch packages (.ci/install arm64), tests under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)

# Headers alone, in the folder of the machine that builds.
file(GLOB cereal_folder /usr/lib/*/cmake/cereal)
if(cereal_folder)
  list(GET cereal_folder 0 cereal_DIR)
endif()
