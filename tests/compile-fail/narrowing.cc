// SPDX-License-Identifier: GPL-2.0
// Must not compile: a wider host number loses its top half. Run by scripts/check.
// expect: use of deleted function
#include "kernel/endian.h"

kernel::be32 sequence(std::uint64_t host)
{
	return kernel::be32(host);
}
