// SPDX-License-Identifier: GPL-2.0
/*
 * rds-abi: goes through what the AF_RDS socket interface promises, row by row: return values, errnos, their order,
 * lengths, names, flags, records, wake-ups. The transcript has nothing in it that varies from run to run, so those of
 * two implementations can be compared (tests/abi/compare); what is not as promised is marked. Single-threaded; every
 * call that may block has a deadline. Needs rds_tcp.
 */
#include <set>
#include <string>

#include "arguments.h"
#include "topics.h"

namespace {

constexpr char usage[] =
	"usage: rds-abi [--tap] [--user] [--only TOPIC]\n"
	"  --tap         print the Test Anything Protocol, not a transcript\n"
	"  --user        as an unprivileged user, in a user and network namespace of his own\n"
	"  --only TOPIC  one topic, the name of a source file; may be repeated\n"
	"Makes a network namespace and a cable to it, abi0.\n"
	"exit:  0 if every row is as promised, 1 if not, 2 if nothing could be tried\n";

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	tap t(args.flag("--tap") ? tap::form::protocol : tap::form::transcript);
	bool user = args.flag("--user");
	std::set<std::string> only;
	while (auto topic = args.find("--only"))
		only.insert(*topic);
	args.finish();

	world w(user);
#define ABI_RUN(name)                                                                              \
	if (only.empty() || only.contains(#name))                                                  \
		topic_##name(t, w);
	ABI_TOPICS(ABI_RUN)
#undef ABI_RUN
	return t.finish();
}
