# Leaves out what llama-cpp-python compiles beside llama.cpp's own library and r1chat never loads:
# multimodal input, llama.cpp's command line helpers and its HTTP server. More than half of the time.
# CMake reads this file inside llama.cpp's project() call: -DCMAKE_PROJECT_llama.cpp_INCLUDE=FILE.

# A plain variable goes before the cached one that llama-cpp-python forces on.
set(LLAMA_BUILD_COMMON OFF)
# llama-cpp-python asks for it after it has added llama.cpp.
set(LLAVA_BUILD OFF PARENT_SCOPE)

function(r1chat_leave_out_helpers)
    foreach(helper cpp-httplib vendor-hash)
        if(TARGET ${helper})
            set_property(TARGET ${helper} PROPERTY EXCLUDE_FROM_ALL ON)
        endif()
    endforeach()
endfunction()
# They are not there before the end of llama.cpp's own file.
cmake_language(DEFER CALL r1chat_leave_out_helpers)
