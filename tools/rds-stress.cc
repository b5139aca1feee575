// SPDX-License-Identifier: GPL-2.0
/*
 * rds-stress: two of them, on two machines, load RDS with requests and answers, check each and tell
 * once a second how many there were. The one without -s waits for the other.
 *
 * Exit status: 0 when the run ended as it should, 1 when it did not, 2 for a bad command line.
 */
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "resolve.h"
#include "stress_command_line.h"
#include "stress_run.h"
#include "usage.h"

using namespace rds_tools;
using namespace rds_tools::stress;

namespace {

void refuse_unsupported(const command_line &line)
{
	if (line.reset)
		throw std::runtime_error("--reset is not supported: this kernel's RDS has no "
					 "RDS_CONN_RESET");
	if (line.async)
		throw std::runtime_error("--async is not supported: this kernel's RDS has no "
					 "RDS_CMSG_ASYNC_SEND");
}

void resolve_addresses(command_line &line)
{
	if (!line.receive_address.empty())
		line.local.local = resolve(line.receive_address);
	if (!line.send_address.empty())
		line.local.peer = resolve(line.send_address);
}

} // namespace

int main(int argc, char **argv)
{
	command_line line;
	CLI::App app{"Loads RDS between two machines and measures it. Without -s: waits for the "
		     "peer, which has -s.",
		     "rds-stress"};

	add_command_line(app, line);
	if (auto status = parse_or_usage(app, argc, argv, 2))
		return *status;
	if (auto why = refusal(line.shared, line.local.port); !why.empty()) {
		std::fprintf(stderr, "rds-stress: %s\n", why.c_str());
		return 2;
	}

	try {
		refuse_unsupported(line);
		resolve_addresses(line);
		session(line.local, line.shared).run();
		return 0;
	} catch (const interrupted &) {
		return 1;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "rds-stress: %s\n", e.what());
		return 1;
	}
}
