# Run at every build: cmake -D SOURCE=… -D OUTPUT=… -P SmtniCommit.cmake. Writes the commit of SOURCE
# into OUTPUT, which is touched only when that changed, so that nothing else is rebuilt.
cmake_policy(VERSION 3.25)
find_program(GIT git)
set(SMTNI_COMMIT "unknown")
if(GIT)
  # No optional locks: a build must not disturb a git command that runs beside it.
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env GIT_OPTIONAL_LOCKS=0
            ${GIT} -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status ERROR_QUIET)
  if(status EQUAL 0)
    set(SMTNI_COMMIT ${described})
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define SMTNI_COMMIT \"@SMTNI_COMMIT@\"\n" @ONLY)
