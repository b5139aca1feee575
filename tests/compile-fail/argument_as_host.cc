// SPDX-License-Identifier: GPL-2.0
// Must not compile: a big-endian integer handed to a function of host numbers. Run by scripts/check.
// expect: cannot convert .* to .*(std::uint16_t|short unsigned int)
#include "kernel/endian.h"

void listen_on(std::uint16_t port);
void start(kernel::be16 port)
{
	listen_on(port);
}
