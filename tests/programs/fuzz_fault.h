// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the n-th allocation or copy of one thread's next call fail (CONFIG_FAULT_INJECTION). For the
 * thread itself, and for the watchdog that revokes it. No locks.
 */
#ifndef TESTS_PROGRAMS_FUZZ_FAULT_H
#define TESTS_PROGRAMS_FUZZ_FAULT_H

#include <fcntl.h>

#include <string>

#include "fuzz_net.h"

class fault_order {
public:
	explicit fault_order(pid_t thread)
	    : fd_(::open(("/proc/self/task/" + std::to_string(thread) + "/fail-nth").c_str(),
			 O_RDWR | O_CLOEXEC))
	{}
	bool available() const { return static_cast<bool>(fd_); }

	/* 0: none. The write itself may be what fails: again. */
	void set(std::size_t n)
	{
		char text[24];
		int size = std::snprintf(text, sizeof(text), "%zu", n);
		for (int tries = 0; tries < 8; tries++)
			if (::pwrite(fd_.get(), text, static_cast<std::size_t>(size), 0) > 0)
				return;
	}

private:
	owned_fd fd_;
};

#endif
