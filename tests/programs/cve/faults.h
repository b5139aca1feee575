/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lets the n-th thing that can fail in this thread's next system call fail: allocations and accesses to user memory,
 * in kernels with fault injection. One object a process; root only.
 */
#ifndef TESTS_PROGRAMS_CVE_FAULTS_H
#define TESTS_PROGRAMS_CVE_FAULTS_H

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

class faults {
public:
	faults() : fd_(::open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC))
	{
		for (const char *file :
		     {"failslab/ignore-gfp-wait", "fail_page_alloc/ignore-gfp-wait"})
			put(file, "N");
		put("fail_page_alloc/min-order", "0");
		for (const char *kind : {"failslab", "fail_page_alloc", "fail_usercopy"})
			put(std::string(kind) + "/verbose", "0");
	}
	faults(const faults &) = delete;
	~faults()
	{
		if (fd_ >= 0)
			::close(fd_);
	}

	bool available() const { return fd_ >= 0; }

	/*
	 * Calls it with the first, second ... failure until there is none left; how many there were. What is to be done
	 * after each call without failures gets the call's result.
	 */
	template <typename Call, typename Then>
	unsigned each(Call call, Then then, unsigned most = 400)
	{
		unsigned n = 1;
		for (bool more = true; more && n <= most; n += more) {
			arm(n);
			auto result = call();
			more = fired();
			then(result);
		}
		return n - 1;
	}

private:
	static void put(const std::string &file, const char *value)
	{
		std::ofstream("/sys/kernel/debug/" + file) << value;
	}
	void arm(unsigned n)
	{
		std::string text = std::to_string(n);
		/* what is still armed may hit this very call, but then it is gone */
		for (int i = 0; i < 5; i++)
			if (::pwrite(fd_, text.data(), text.size(), 0) > 0)
				return;
		std::abort();
	}
	bool fired()
	{
		char left[16] = "";
		bool read = ::pread(fd_, left, sizeof(left) - 1, 0) > 0;
		arm(0);
		return read && std::atoi(left) == 0;
	}

	int fd_;
};

#endif
