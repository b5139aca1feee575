// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of a test program: "--name value" and "--flag". Each program asks for what it
 * knows and then calls finish(), which refuses the rest. Errors end the program with status 2. One
 * thread.
 */
#ifndef TESTS_PROGRAMS_ARGUMENTS_H
#define TESTS_PROGRAMS_ARGUMENTS_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "endpoint.h"
#include "interval.h"

class arguments {
public:
	arguments(int argc, char **argv, const char *usage) : usage_(usage)
	{
		for (int i = 1; i < argc; i++)
			words_.push_back(argv[i]);
		if (flag("-h") || flag("--help")) {
			std::fputs(usage_, stdout);
			std::exit(0);
		}
	}

	[[noreturn]] void fail(const std::string &why) const
	{
		std::fprintf(stderr, "%s\n%s", why.c_str(), usage_);
		std::exit(2);
	}

	/* The first word, if it is not an option. */
	std::string command()
	{
		if (words_.empty() || words_[0].starts_with("-"))
			fail("a command is missing");
		std::string word = words_[0];
		words_.erase(words_.begin());
		return word;
	}

	/* One more word, if there is one that is not an option. */
	std::optional<std::string> next()
	{
		if (words_.empty() || words_[0].starts_with("-"))
			return std::nullopt;
		return command();
	}

	bool flag(const std::string &name)
	{
		for (auto it = words_.begin(); it != words_.end(); ++it)
			if (*it == name) {
				words_.erase(it);
				return true;
			}
		return false;
	}

	std::optional<std::string> find(const std::string &name)
	{
		for (auto it = words_.begin(); it != words_.end(); ++it)
			if (*it == name) {
				if (it + 1 == words_.end())
					fail(name + " needs a value");
				std::string value = *(it + 1);
				words_.erase(it, it + 2);
				return value;
			}
		return std::nullopt;
	}

	std::string text(const std::string &name, const std::string &otherwise)
	{
		return find(name).value_or(otherwise);
	}

	std::uint64_t number(const std::string &name, std::uint64_t otherwise,
			     std::uint64_t max = std::numeric_limits<std::uint64_t>::max())
	{
		auto word = find(name);
		if (!word)
			return otherwise;
		auto value = rds_tools::parse_count(*word, max);
		if (!value)
			fail(name + " is not a number in range: " + *word);
		return *value;
	}

	rds_tools::endpoint address_and_port(const std::string &name)
	{
		auto word = find(name);
		if (!word)
			fail(name + " is missing");
		auto ep = rds_tools::endpoint::parse(*word);
		if (!ep)
			fail(name + " is not ADDRESS:PORT: " + *word);
		return *ep;
	}

	std::optional<rds_tools::endpoint> address(const std::string &name)
	{
		auto word = find(name);
		if (!word)
			return std::nullopt;
		auto ep = rds_tools::endpoint::parse_address(*word);
		if (!ep)
			fail(name + " is not an address: " + *word);
		return ep;
	}

	void finish() const
	{
		if (!words_.empty())
			fail("cannot understand: " + words_[0]);
	}

private:
	const char *usage_;
	std::vector<std::string> words_;
};

#endif
