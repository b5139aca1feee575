// SPDX-License-Identifier: GPL-2.0
/*
 * What the other files here get wrong, done right: this one must compile. Without it a broken include path would let
 * them all "pass". Run by scripts/check.
 */
#include "kernel/endian.h"

using kernel::be16;
using kernel::be32;
using kernel::be64;

static_assert(be16(0x1234).host() == 0x1234);
static_assert(be32(7) == be32(7));
static_assert(be64(1).raw() == std::uint64_t{1} << 56);
static_assert(be16(static_cast<std::uint16_t>(be32(5).host())).host() == 5);

std::uint32_t sum(be32 a, be32 b)
{
	return a.host() + b.host();
}
