# libfedspend_client.a: the C ABI and all of the project that it uses as one object in one archive, in which nothing but fedspend_... is
# seen from outside. What it needs besides is in INTERFACE_LINK_LIBRARIES of fedspend::client_static.

# The project's static libraries that `target` is linked with, all the way down, into `result`.
function(fedspend_static_closure target result)
  set(found "")
  set(to_read ${target})
  while(to_read)
    list(POP_FRONT to_read next)
    get_target_property(libraries ${next} LINK_LIBRARIES)
    get_target_property(interface ${next} INTERFACE_LINK_LIBRARIES)
    foreach(library ${libraries} ${interface})
      string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" library "${library}")
      if(NOT TARGET "${library}")
        continue()
      endif()
      get_target_property(aliased ${library} ALIASED_TARGET)
      if(aliased)
        set(library ${aliased})
      endif()
      get_target_property(imported ${library} IMPORTED)
      get_target_property(type ${library} TYPE)
      if(type STREQUAL "STATIC_LIBRARY" AND NOT imported AND NOT library IN_LIST found)
        list(APPEND found ${library})
        list(APPEND to_read ${library})
      endif()
    endforeach()
  endwhile()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

fedspend_static_closure(fedspend_client_c inside)
list(TRANSFORM inside REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE inside_files)
set(archive ${CMAKE_BINARY_DIR}/lib/libfedspend_client.a)
set(merged ${CMAKE_CURRENT_BINARY_DIR}/fedspend_client_merged.o)
# --force-group-allocation: a template's copy that is in the app as well would else be thrown away here, and with it what our own
# local names mean.
add_custom_command(OUTPUT ${archive}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/lib
  COMMAND ${CMAKE_LINKER} -r --force-group-allocation -o ${merged} $<TARGET_OBJECTS:fedspend_client_c> --start-group ${inside_files} --end-group
  # Names that are to be unique in a process (STB_GNU_UNIQUE) would stay global unless they are weak first.
  COMMAND sh -c "'${CMAKE_NM}' --defined-only '${merged}' | sed -n 's/^[0-9a-f]* u //p' > '${merged}.unique'"
  COMMAND ${CMAKE_OBJCOPY} --weaken-symbols=${merged}.unique ${merged}
  COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=fedspend_* ${merged}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
  COMMAND ${CMAKE_AR} rcs ${archive} ${merged}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${merged} ${merged}.unique
  DEPENDS fedspend_client_c ${inside} $<TARGET_OBJECTS:fedspend_client_c>
  COMMAND_EXPAND_LISTS VERBATIM
  COMMENT "Merging lib/libfedspend_client.a")
add_custom_target(fedspend_client_archive ALL DEPENDS ${archive})

add_library(fedspend_client_static STATIC IMPORTED GLOBAL)
add_dependencies(fedspend_client_static fedspend_client_archive)
set_target_properties(fedspend_client_static PROPERTIES IMPORTED_LOCATION ${archive} INTERFACE_INCLUDE_DIRECTORIES ${CMAKE_CURRENT_SOURCE_DIR}/include)
target_link_libraries(fedspend_client_static INTERFACE PkgConfig::SODIUM PkgConfig::SQLITE Threads::Threads m
  $<$<LINK_LANGUAGE:C>:stdc++>)
if(FEDSPEND_WITH_ZEROMQ)
  target_link_libraries(fedspend_client_static INTERFACE PkgConfig::ZMQ)
endif()
if(NOT FEDSPEND_STATIC_KERNELS)
  target_link_libraries(fedspend_client_static INTERFACE hwy::hwy)
endif()
add_library(fedspend::client_static ALIAS fedspend_client_static)
