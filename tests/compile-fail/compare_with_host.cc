// SPDX-License-Identifier: GPL-2.0
// Must not compile: comparing a big-endian integer with a host number. Run by scripts/check.
// expect: no match for .operator==
#include "kernel/endian.h"

bool is_probe(kernel::be16 port)
{
	return port == 1;
}
