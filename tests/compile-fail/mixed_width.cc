// SPDX-License-Identifier: GPL-2.0
// Must not compile: a wide field stored in a narrow one. Run by scripts/check.
// expect: no match for .operator=|cannot convert|no matching function|use of deleted function
#include "kernel/endian.h"

void store(kernel::be16 &field, kernel::be32 wide)
{
	field = wide;
}
