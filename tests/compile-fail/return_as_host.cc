// SPDX-License-Identifier: GPL-2.0
// Must not compile: a big-endian integer used as the host number. Run by scripts/check.
// expect: cannot convert .* to .*(std::uint32_t|unsigned int)
#include "kernel/endian.h"

std::uint32_t length(kernel::be32 field)
{
	return field;
}
