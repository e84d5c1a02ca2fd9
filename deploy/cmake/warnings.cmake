# pgstrand_library/pgstrand_flags: every target of ours compiles with the same warnings and hardening.
set(PGSTRAND_WARNINGS
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2
    # gcc's -Wformat=2 sees where a format comes through a function with that attribute, clang's does not.
    $<$<C_COMPILER_ID:Clang>:-Wno-format-nonliteral>)

# A hundred programs with the sanitizers' runtime are linked in a fifth of the time.
find_program(PGSTRAND_LLD ld.lld)
if(PGSTRAND_LLD AND CMAKE_C_COMPILER_ID STREQUAL "Clang")
    add_link_options(-fuse-ld=lld)
endif()

# A finding's stack trace needs lines; what a debugger wants besides is a twelfth of a sanitized build (the preset dev has it). Not
# optimized either: -O1 for what packs and hashes took longer to compile than it saved in the unit tests.
if(PGSTRAND_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "Clang")
    add_compile_options($<$<CONFIG:Debug>:-gline-tables-only>)
endif()

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
