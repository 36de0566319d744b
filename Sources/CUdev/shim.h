// What the lab uses of libudev: the devices of the machine, their properties, and what is plugged in and out.
#include <libudev.h>
