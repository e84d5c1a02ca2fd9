# pgstrand_library/pgstrand_flags: every target of ours compiles with the same warnings and hardening.
set(PGSTRAND_WARNINGS
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2
    # gcc's -Wformat=2 sees where a format comes through a function with that attribute, clang's does not.
    $<$<C_COMPILER_ID:Clang>:-Wno-format-nonliteral>)

function(pgstrand_flags target)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    target_compile_options(${target} PRIVATE ${PGSTRAND_WARNINGS} -fno-strict-aliasing -fstack-protector-strong)
    if(PGSTRAND_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    if(PGSTRAND_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${PGSTRAND_SANITIZE} -fno-omit-frame-pointer)
        target_link_options(${target} PUBLIC -fsanitize=${PGSTRAND_SANITIZE})
    endif()
    if(PGSTRAND_COVERAGE)
        target_compile_options(${target} PRIVATE --coverage)
        target_link_options(${target} PUBLIC --coverage)
    endif()
endfunction()
