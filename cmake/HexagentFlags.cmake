# Compiler flags that every target of ours gets through hexagent_flags, and nobody else's.
add_library(hexagent_flags INTERFACE)
target_compile_options(hexagent_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow
                       $<$<BOOL:${HEXAGENT_WERROR}>:-Werror>)
if(HEXAGENT_SANITIZE)
  target_compile_options(hexagent_flags INTERFACE -fsanitize=${HEXAGENT_SANITIZE}
                         -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(hexagent_flags INTERFACE -fsanitize=${HEXAGENT_SANITIZE})
endif()

# Broken invariants stop the program where somebody watches; in release they poison the handle.
if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR HEXAGENT_SANITIZE)
  set(HEXAGENT_CHECK_ABORTS 1)
else()
  set(HEXAGENT_CHECK_ABORTS 0)
endif()
