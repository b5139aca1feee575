// SPDX-License-Identifier: GPL-2.0
/*
 * Prints the results of a test program in the Test Anything Protocol: one line for each row, the
 * plan at the end. An expected value may be accompanied by the one that stock modules give, for
 * rows where we differ from them on purpose; it counts only when asked for. One thread.
 */
#ifndef TESTS_PROGRAMS_TAP_H
#define TESTS_PROGRAMS_TAP_H

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

/* The result of a system call as one number: what it returned, or the negated errno. */
inline long result_of(long returned)
{
	return returned < 0 ? -errno : returned;
}

inline std::string result_text(long value)
{
	const char *name = value < 0 && value > -4096 ? ::strerrorname_np(static_cast<int>(-value))
						      : nullptr;
	return name ? name : std::to_string(value);
}

class tap {
public:
	explicit tap(bool stock) : stock_(stock) {}

	bool stock() const { return stock_; }
	void section(const std::string &name) { prefix_ = name + ": "; }

	bool is(const std::string &name, long expected, long got, std::optional<long> on_stock = {})
	{
		bool good = got == expected || (stock_ && on_stock && got == *on_stock);
		std::string note;

		if (!good)
			note = " # expected " + result_text(expected) + ", got " + result_text(got);
		else if (got != expected)
			note = " # stock: " + result_text(got);
		return line(good, name, note);
	}

	bool ok(const std::string &name, bool good, bool on_stock = false)
	{
		return is(name, 1, good, on_stock ? std::optional<long>(0) : std::nullopt);
	}

	void skip(const std::string &name, const std::string &why)
	{
		line(true, name, " # SKIP " + why);
	}

	/* The exit status of the program. */
	int finish() const
	{
		std::printf("1..%d\n", count_);
		if (failures_)
			std::printf("# %d of %d failed\n", failures_, count_);
		return failures_ || !count_ ? 1 : 0;
	}

private:
	bool line(bool good, const std::string &name, const std::string &note)
	{
		std::printf("%sok %d - %s%s%s\n", good ? "" : "not ", ++count_, prefix_.c_str(),
			    name.c_str(), note.c_str());
		std::fflush(stdout);
		failures_ += !good;
		return good;
	}

	bool stock_;
	std::string prefix_;
	int count_ = 0, failures_ = 0;
};

#endif
