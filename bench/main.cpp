// postern-bench: the driver of `postern bench` as a program of its own, for a tree that builds the benchmarks alone.
#include <string>
#include <vector>

#include "postern/bench.hpp"

int main(int argc, char** argv) { return postern::run_bench({argv + 1, argv + argc}); }
