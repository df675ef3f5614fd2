// Any conversation through the analyzer of this name, or any first bytes through `recognise`.
#define POSTERN_FUZZ_CARRIER "http"
#include "observe_carrier.hpp"
