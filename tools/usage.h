// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a CLI11 parser with the exit codes that users of the RDS tools know: 0 after -h, 1 after
 * anything that could not be understood, with the usage on stderr.
 */
#ifndef RDS_TOOLS_USAGE_H
#define RDS_TOOLS_USAGE_H

#include <CLI/CLI.hpp>

#include <cstdio>
#include <optional>
#include <string>

namespace rds_tools {

/* Nothing if the tool should go on, else its exit status. */
inline std::optional<int> parse_or_usage(CLI::App &app, int argc, char **argv)
{
	try {
		app.parse(argc, argv);
		return std::nullopt;
	} catch (const CLI::CallForHelp &) {
		std::fputs(app.help().c_str(), stdout);
		return 0;
	} catch (const CLI::ParseError &e) {
		std::fprintf(stderr, "%s: %s\n%s", app.get_name().c_str(), e.what(),
			     app.help().c_str());
		return 1;
	}
}

} // namespace rds_tools

#endif
