// SPDX-License-Identifier: GPL-2.0
/*
 * For the guest of scripts/profile: `mark start`, then what is to be measured, then `mark stop`, which also tells where
 * the modules are.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "mark.h"

int main(int argc, char **argv)
{
	char line[512];
	struct utsname name;
	FILE *f;

	if (argc > 1 && !strcmp(argv[1], "start")) {
		asm volatile("nopl 0x51534452(%%rax)" ::: "memory");
		return 0;
	}
	asm volatile("nopl 0x50534452(%%rax)" ::: "memory");
	if (uname(&name))
		return 1;
	printf("@@mark %s\n", name.release);
	f = fopen("/proc/kallsyms", "r");
	while (f && fgets(line, sizeof(line), f))
		if (strchr(line, '['))
			printf("@@mark %s", line);
	return !f;
}
