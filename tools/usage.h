// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a CLI11 parser with the exit codes that users of the RDS tools know: 0 after -h, 1 (rds-
 * stress: 2) after anything that could not be understood, with the usage on stderr. Called once, at
 * the start of a tool.
 */
#ifndef RDS_TOOLS_USAGE_H
#define RDS_TOOLS_USAGE_H

#include <CLI/CLI.hpp>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "interval.h"

namespace rds_tools {

/* CLI11 wants a text for what is wrong, and an empty one if nothing is. */
inline std::string check_interval(const std::string &text)
{
	return parse_interval(text) ? "" : "\"" + text + "\" is not an interval";
}

inline auto check_number(std::uint64_t max, std::uint64_t min = 0)
{
	return [=](const std::string &text) -> std::string {
		auto number = parse_count(text, max);
		if (number && *number >= min)
			return "";
		return "\"" + text + "\" is not a number from " + std::to_string(min) + " to " +
		       std::to_string(max);
	};
}

/* A word that nobody knows is a better reason than what is missing beside it. */
inline std::string usage_error(const CLI::App &app, const CLI::ParseError &error)
{
	auto unknown = app.remaining();
	if (unknown.empty())
		return error.what();
	return "unknown option or argument: " + unknown.front();
}

/* Nothing if the tool should go on, else its exit status. */
inline std::optional<int> parse_or_usage(CLI::App &app, int argc, char **argv, int refused = 1)
{
	try {
		app.parse(argc, argv);
		return std::nullopt;
	} catch (const CLI::CallForHelp &) {
		std::fputs(app.help().c_str(), stdout);
		return 0;
	} catch (const CLI::ParseError &e) {
		std::fprintf(stderr, "%s: %s\n%s", app.get_name().c_str(),
			     usage_error(app, e).c_str(), app.help().c_str());
		return refused;
	}
}

} // namespace rds_tools

#endif
