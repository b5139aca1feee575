// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA between two hosts, by content: one process owns memory and does as it is told, the other one reads and writes it
 * and says, row by row, in TAP, what came of it. A number in the name of a row is that of the pitfall it is about.
 */
#include "arguments.h"
#include "rdma2_atomics.h"
#include "rdma2_faults.h"
#include "rdma2_load.h"
#include "rdma2_move.h"
#include "rdma2_owner.h"

namespace {

constexpr const char *usage =
	"usage: rds-rdma2 owner --bind A:P [--tos N]\n"
	"       rds-rdma2 drive --bind A:P --to B:Q [options]\n"
	"       rds-rdma2 load --bind A:P --to B:Q [options]\n"
	"drive and load need an owner at B:Q; drive also ports Q+1 to Q+9 there.\n"
	"owner:  --tos N         type of service (0)\n"
	"drive:  --here WHOSE    modules of this host: ours (default) or stock\n"
	"        --there WHOSE   modules of the owner's host\n"
	"        --prove         of the kernel's own modules: run the rows of ours, too; they have to fail\n"
	"        --third A,B     further addresses of this host and of the owner's\n"
	"        --only S,...    move flags life tos locked refused held killed atomics many; or ring\n"
	"        --rounds N      registrations of many (2000)\n"
	"load:   --count N       messages (200)\n"
	"        --slots N       regions, and operations under way (8)\n"
	"        --most N        bytes of an operation, at most (65536)\n"
	"        --writes        no reads\n"
	"        --no-fence      reads without\n"
	"        --allow-dropped connections may break meanwhile\n"
	"        --renew         and regions may go: they are registered anew\n"
	"        --timeout S     fail if nothing is told of for S seconds (30)\n"
	"        --seed N        (1)\n"
	"both:   --quit          the owner ends, too\n"
	"exit:   0 if all was as expected, 1 if not, 2 for a bad command line\n";

bool is_ours(arguments &args, const char *name)
{
	std::string whose = args.text(name, "ours");
	if (whose != "ours" && whose != "stock")
		args.fail(std::string(name) + " is ours or stock");
	return whose == "ours";
}

int own(arguments &args)
{
	endpoint local = args.address_and_port("--bind");
	unsigned tos = static_cast<unsigned>(args.number("--tos", 0, 255));
	args.finish();
	::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	owner(local, tos).run();
	return 0;
}

bool greet(peer &p, std::string &release)
{
	auto got = p.ask(verb::hello);
	if (!got) {
		std::printf("# no owner answers at %s\n", p.there().text().c_str());
		return false;
	}
	got->text[sizeof(got->text) - 1] = '\0';
	release = got->text;
	std::printf("# the owner's kernel is %s\n", got->text);
	return true;
}

int drive(arguments &args)
{
	setting set;
	set.local = args.address_and_port("--bind");
	set.remote = args.address_and_port("--to");
	set.ours_here = is_ours(args, "--here");
	set.ours_there = is_ours(args, "--there");
	set.prove = args.flag("--prove");
	set.rounds = static_cast<int>(args.number("--rounds", 2000, 1000000));
	std::string third = args.text("--third", ""), only = args.text("--only", "");
	bool quit = args.flag("--quit");
	args.finish();
	if (auto comma = third.find(','); comma != third.npos) {
		set.third_local = endpoint::parse_address(third.substr(0, comma));
		set.third = endpoint::parse_address(third.substr(comma + 1));
	}

	tap t(tap::form::protocol);
	peer p(set.local, set.remote);
	if (!greet(p, set.release))
		return 1;
	table rows(t, set);
	const std::pair<const char *, void (*)(table &, peer &)> sections[] = {
		{"move", rows_moves}, {"flags", rows_flags},	     {"life", rows_life_there},
		{"tos", rows_tos},    {"locked", rows_locked_there}, {"refused", rows_refused},
		{"held", rows_held},  {"killed", rows_killed},	     {"atomics", rows_atomics},
		{"many", rows_many}};
	for (auto [name, run] : sections)
		if (only.empty() ||
		    ("," + only + ",").find("," + std::string(name) + ",") != only.npos) {
			stopwatch watch;
			run(rows, p);
			std::printf("# %s took %ld ms\n", name, watch.ms());
		}
	if (only == "ring")
		rows_ring(rows, p);
	if (quit)
		p.ask(verb::quit);
	return t.finish();
}

int carry(arguments &args)
{
	endpoint local = args.address_and_port("--bind"), remote = args.address_and_port("--to");
	load_setting set;
	set.count = args.number("--count", set.count);
	set.seed = args.number("--seed", set.seed);
	set.slots = args.number("--slots", set.slots, 256);
	set.most = args.number("--most", set.most, 1 << 20);
	set.allow_dropped = args.flag("--allow-dropped");
	set.renew = args.flag("--renew");
	set.writes_only = args.flag("--writes");
	set.fence = !args.flag("--no-fence");
	set.timeout_ms = 1000 * static_cast<int>(args.number("--timeout", 30, 3600));
	bool quit = args.flag("--quit");
	args.finish();
	if (!set.slots || !set.most)
		args.fail("--slots and --most are at least 1");

	peer p(local, remote);
	std::string release;
	if (!greet(p, release))
		return 1;
	int status = load(p, set).run();
	if (quit)
		p.ask(verb::quit);
	return status;
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	calls_are_watched = false; /* patience is counted */
	std::string command = args.command();
	if (command == "owner")
		return own(args);
	if (command == "drive")
		return drive(args);
	if (command == "load")
		return carry(args);
	args.fail("the command is owner, drive or load");
}
