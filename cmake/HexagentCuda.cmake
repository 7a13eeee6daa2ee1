# Finds what the CUDA plugin is built with: nvcc, its runtime to link and the header of NCCL. Nothing
# of it reaches the library, and a machine needs neither to build that.
#
# HEXAGENT_CUDA   AUTO  the plugin is built where a toolkit is found (default)
#                 ON    an error where none is found
#                 OFF   no plugin
# CUDAToolkit_ROOT, NCCL_ROOT say where to look; cmake/fetch_cuda.sh makes a tree for both.
# Sets hexagent_cuda_found, and when not, hexagent_cuda_why.
set(HEXAGENT_CUDA AUTO CACHE STRING "Build the CUDA plugin: AUTO, ON, OFF")
set_property(CACHE HEXAGENT_CUDA PROPERTY STRINGS AUTO ON OFF)
# sm_80 and sm_90 as machine code; PTX for what comes after. "native" cannot work without a GPU.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)
endif()
set(hexagent_cuda_found OFF)
set(hexagent_cuda_why "HEXAGENT_CUDA is ${HEXAGENT_CUDA}")

if(HEXAGENT_CUDA STREQUAL "AUTO" AND HEXAGENT_SANITIZE)
  set(hexagent_cuda_why "a build with sanitizers has no plugin")
elseif(NOT HEXAGENT_CUDA STREQUAL "OFF")
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(hexagent_nvcc nvcc PATH_SUFFIXES bin
                 HINTS "${CUDAToolkit_ROOT}" "$ENV{CUDAToolkit_ROOT}" "$ENV{CUDA_HOME}" /usr/local/cuda)
    if(hexagent_nvcc)
      set(CMAKE_CUDA_COMPILER "${hexagent_nvcc}")
    endif()
  endif()
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(hexagent_cuda_why "there is no nvcc that works")
  else()
    enable_language(CUDA)
    # nvcc has C++20 since version 12; CMake 3.25 does not know it yet.
    if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    endif()
    get_filename_component(hexagent_cuda_root "${CMAKE_CUDA_COMPILER}/../.." ABSOLUTE)
    # <site>/nvidia/cu13 of the wheels has <site>/nvidia/nccl beside it.
    find_path(HEXAGENT_NCCL_INCLUDE nccl.h PATH_SUFFIXES include
              HINTS "${NCCL_ROOT}" "$ENV{NCCL_ROOT}" "${hexagent_cuda_root}"
                    "${hexagent_cuda_root}/../nccl" /usr/local/cuda)
    if(NOT HEXAGENT_NCCL_INCLUDE)
      set(hexagent_cuda_why "there is no nccl.h (NCCL_ROOT says where to look)")
    else()
      set(hexagent_cuda_found ON)
    endif()
  endif()
  if(HEXAGENT_CUDA STREQUAL "ON" AND NOT hexagent_cuda_found)
    message(FATAL_ERROR "HEXAGENT_CUDA is ON, but ${hexagent_cuda_why}")
  endif()
endif()
if(hexagent_cuda_found)
  message(STATUS "CUDA plugin: nvcc ${CMAKE_CUDA_COMPILER_VERSION}, NCCL header in "
                 "${HEXAGENT_NCCL_INCLUDE}, for ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "CUDA plugin: SKIPPED, ${hexagent_cuda_why}")
endif()
