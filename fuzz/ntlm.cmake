postern_fuzz(acceptor LINKS postern_ntlm)
postern_fuzz(acceptor_raw LINKS postern_ntlm)
postern_fuzz(authority_request LINKS postern_ntlm)
postern_fuzz(authority_reply LINKS postern_ntlm)
postern_fuzz(session_import LINKS postern_ntlm)

# Writes the kept corpora anew: make_ntlm_corpus fuzz/corpus
add_executable(make_ntlm_corpus EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/fuzz/make_ntlm_corpus.cpp)
target_link_libraries(make_ntlm_corpus PRIVATE postern_options postern_ntlm)
