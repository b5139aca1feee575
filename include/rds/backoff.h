/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long a lane waits before it connects again. The lane's connect and shutdown work
 * calls it, one at a time. Times are in ticks.
 */
#pragma once

namespace rds {

struct reconnect_backoff {
	unsigned long window = 0; /* 0: the next attempt is immediate */

	/*
	 * The delay of the next attempt: none the first time, then random within a window
	 * that starts at `min` and doubles up to `max`. The limits may change in between;
	 * they are at least one tick, or the lane would never wait.
	 */
	[[nodiscard]] constexpr unsigned long next(unsigned long random, unsigned long min,
						   unsigned long max)
	{
		if (window == 0) {
			window = min;
			return 0;
		}

		unsigned long delay = random % window;

		/* Not by doubling first: max has no upper limit. */
		window = window > max / 2 ? max : window * 2;
		return delay;
	}

	constexpr void connected() { window = 0; }
};

} // namespace rds
