// SPDX-License-Identifier: GPL-2.0
/*
 * Prints what calls came to, one line for each row: as a transcript that can be compared with that of another
 * implementation ("section/row: result"), or in the Test Anything Protocol. A row's name is unique: one that begins
 * with "..." belongs to the row before it, and a repeated one is numbered. One thread.
 */
#ifndef TESTS_PROGRAMS_TAP_H
#define TESTS_PROGRAMS_TAP_H

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
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
	enum class form { transcript, protocol };

	explicit tap(form form) : form_(form) {}

	void section(const std::string &name) { section_ = name; }

	bool same(const std::string &row, const std::string &expected, const std::string &got)
	{
		bool good = got == expected;
		line(good, row, got, good ? "" : " # expected " + expected);
		return good;
	}
	bool is(const std::string &row, long expected, long got)
	{
		return same(row, result_text(expected), result_text(got));
	}
	/* A number that is no result of a call: -1 is not EPERM. */
	bool number(const std::string &row, long expected, long got)
	{
		return same(row, std::to_string(expected), std::to_string(got));
	}
	bool ok(const std::string &row, bool good) { return same(row, "yes", good ? "yes" : "no"); }

	/* A row that cannot be run here. */
	void skip(const std::string &row, const std::string &why)
	{
		if (form_ == form::transcript)
			line(true, row, "skipped: " + why, "");
		else
			line(true, row, "skipped", " # SKIP " + why);
	}

	/* The exit status of the program. */
	int finish() const
	{
		if (form_ == form::protocol)
			std::printf("1..%d\n", count_);
		if (failures_)
			std::printf("# %d of %d failed\n", failures_, count_);
		return failures_ || !count_ ? 1 : 0;
	}

private:
	/* A name has no ": " in it, which is where the result begins. */
	std::string unique(const std::string &row)
	{
		if (!row.starts_with("..."))
			main_ = row;
		std::string name = section_ + "/" + (row == main_ ? row : main_ + " " + row);
		for (auto at = name.find(": "); at != name.npos; at = name.find(": "))
			name.replace(at, 2, ", ");
		int times = ++names_[name];
		return times == 1 ? name : name + " (" + std::to_string(times) + ")";
	}

	void line(bool good, const std::string &row, const std::string &result,
		  const std::string &note)
	{
		std::string name = unique(row);
		++count_;
		failures_ += !good;
		if (form_ == form::protocol)
			std::printf("%sok %d - ", good ? "" : "not ", count_);
		std::printf("%s: %s%s\n", name.c_str(), result.c_str(), note.c_str());
		std::fflush(stdout);
	}

	form form_;
	std::string section_, main_;
	std::map<std::string, int> names_;
	int count_ = 0, failures_ = 0;
};

#endif
