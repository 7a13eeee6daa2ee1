# The schema compiler and the headers of FlatBuffers, which must be of one version: generated code
# refuses any other. hexagent_flatbuffers(target) generates what `target` includes.
find_program(HEXAGENT_FLATC flatc REQUIRED)
find_path(HEXAGENT_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED)

execute_process(COMMAND ${HEXAGENT_FLATC} --version OUTPUT_VARIABLE flatc_says
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" flatc_version "${flatc_says}")
set(header_version "")
file(STRINGS ${HEXAGENT_FLATBUFFERS_INCLUDE}/flatbuffers/base.h lines
     REGEX "define FLATBUFFERS_VERSION_(MAJOR|MINOR|REVISION) ")
foreach(line ${lines})
  string(REGEX MATCH "[0-9]+$" number "${line}")
  list(APPEND header_version ${number})
endforeach()
list(JOIN header_version "." header_version)
if(NOT flatc_version VERSION_EQUAL header_version)
  message(FATAL_ERROR "flatc is ${flatc_version}, the FlatBuffers headers are ${header_version}; "
                      "they must be of one version (${HEXAGENT_FLATC}, "
                      "${HEXAGENT_FLATBUFFERS_INCLUDE})")
endif()

function(hexagent_flatbuffers target schema)
  get_filename_component(name ${schema} NAME_WE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/generated)
  set(header ${folder}/${name}_generated.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${HEXAGENT_FLATC} --cpp --scoped-enums -o ${folder} ${schema}
    DEPENDS ${schema} VERBATIM)
  target_sources(${target} PRIVATE ${header})
  # As system headers: warnings about them are not ours to mend.
  target_include_directories(${target} SYSTEM PRIVATE ${folder} ${HEXAGENT_FLATBUFFERS_INCLUDE})
endfunction()
