/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a case of rds-cve is written with: it says what it expected and what it saw, and is listed by itself. A case
 * runs in a process of its own, as root, and may change its user, limits and namespace. One thread, unless the case
 * says otherwise.
 */
#ifndef TESTS_PROGRAMS_CVE_TRIAL_H
#define TESTS_PROGRAMS_CVE_TRIAL_H

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <mutex>
#include <string>
#include <vector>

#include "../../abi/probe.h"

/* Where the cases run: addresses of this machine, one where nobody answers, and how much may be done. */
struct trial_setup {
	endpoint tcp, far, rdma;
	std::uint64_t count = 0;
	unsigned scale = 1;

	/* Repetitions: as many as --count says, else so many, fewer on slow kernels. */
	std::uint64_t times(std::uint64_t usual) const
	{
		return count ? count : std::max<std::uint64_t>(usual / scale, 2);
	}
	bool slow() const { return scale > 1; }
	endpoint nobody() const { return far.with_port(4000); }
};

class trial {
public:
	explicit trial(const trial_setup &set) : set(set) {}

	const trial_setup &set;

	bool expect(const std::string &what, bool good)
	{
		std::lock_guard guard(lock_);
		if (!good && wrong_.size() < 6 &&
		    std::find(wrong_.begin(), wrong_.end(), what) == wrong_.end())
			wrong_.push_back(what);
		failed_ |= !good;
		return good;
	}
	bool is(const std::string &what, long got, std::initializer_list<long> allowed)
	{
		bool good = std::find(allowed.begin(), allowed.end(), got) != allowed.end();
		if (good)
			return true;
		std::string wanted;
		for (long value : allowed)
			wanted += (wanted.empty() ? "" : " or ") + result_text(value);
		return expect(what + " gave " + result_text(got) + ", not " + wanted, false);
	}
	/* What was seen; printed when nothing was wrong. */
	void note(const std::string &text) { notes_ += (notes_.empty() ? "" : ", ") + text; }

	struct skipped {
		std::string why;
	};
	[[noreturn]] void skip(const std::string &why) const { throw skipped{why}; }

	bool failed() const { return failed_; }
	std::string story() const
	{
		if (!failed_)
			return notes_.empty() ? "as it should be" : notes_;
		std::string all;
		for (const auto &text : wrong_)
			all += (all.empty() ? "" : "; ") + text;
		return all;
	}

private:
	std::mutex lock_;
	bool failed_ = false;
	std::vector<std::string> wrong_;
	std::string notes_;
};

struct trial_case {
	const char *name; /* a word */
	const char *numbers; /* as in docs/pitfalls.md, separated by ", " */
	const char *what;
	void (*run)(trial &t);
	unsigned seconds = 30; /* it is killed then: a hang */
};

/* All cases, in the order in which their files are linked. */
inline std::vector<trial_case> &all_trials()
{
	static std::vector<trial_case> all;
	return all;
}

struct listed {
	listed(std::initializer_list<trial_case> cases)
	{
		all_trials().insert(all_trials().end(), cases);
	}
};

#endif
