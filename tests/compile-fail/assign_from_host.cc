// SPDX-License-Identifier: GPL-2.0
// Must not compile: a host integer assigned without saying so would be sent in the wrong order. Run by scripts/check.
// expect: no match for .operator=|conversion
#include "kernel/endian.h"

void store(kernel::be32 &field, std::uint32_t host)
{
	field = host;
}
