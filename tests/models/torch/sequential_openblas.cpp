// Stands in the place of libopenblas.so.0 and says that it is the sequential build; all else comes from the real one.

extern "C" int openblas_get_parallel() { return 0; }
