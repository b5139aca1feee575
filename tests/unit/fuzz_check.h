/* SPDX-License-Identifier: GPL-2.0 */
/* What each fuzzer says of what must hold: else libFuzzer keeps the input and ends. */
#pragma once

#include <cstdlib>

namespace test {

inline void check(bool ok)
{
	if (!ok)
		std::abort();
}

} // namespace test
