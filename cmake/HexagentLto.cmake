# Link-time optimisation of what is shipped: the shared library and the tool, in release builds. Plans
# cross many small files, and inlining between these saves them some 5 %.
#
# Objects hold machine code beside the compiler's own form ("fat"), so that tests, which link core and
# shell statically and by the hundred, link as quickly as without. Compilers that cannot do that (clang
# before 17) go without; so do sanitizers, whose reports want the code as it is written.
option(HEXAGENT_LTO "Link-time optimisation of the library and the tool in release builds" ON)

set(HEXAGENT_LTO_USED OFF)
if(HEXAGENT_LTO AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT HEXAGENT_SANITIZE)
  include(CheckCXXCompilerFlag)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT HEXAGENT_LTO_USED OUTPUT hexagent_lto_flaw LANGUAGES CXX)
  check_cxx_compiler_flag("-Werror -flto -ffat-lto-objects" HEXAGENT_HAS_FAT_LTO)
  if(NOT HEXAGENT_HAS_FAT_LTO)
    set(HEXAGENT_LTO_USED OFF)
  endif()
  if(NOT HEXAGENT_LTO_USED)
    message(STATUS "No link-time optimisation: the compiler or linker cannot do it")
  endif()
endif()
if(HEXAGENT_LTO_USED)
  # Programs that do not ask for it must refuse: a linker with the compiler's plugin optimises whatever
  # it can. "auto" uses all cores.
  add_link_options($<IF:$<BOOL:$<TARGET_PROPERTY:HEXAGENT_LTO_LINK>>,-flto=auto,-fno-lto>)
endif()

# Static libraries whose code goes into both shipped and other programs.
function(hexagent_lto_objects)
  if(HEXAGENT_LTO_USED)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -flto -ffat-lto-objects)
    endforeach()
  endif()
endfunction()

# What is shipped.
function(hexagent_lto_link)
  set_target_properties(${ARGN} PROPERTIES HEXAGENT_LTO_LINK ON)
endfunction()
