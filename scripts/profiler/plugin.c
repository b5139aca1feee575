// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU plugin of scripts/profile: counts guest instructions by block of code, from one marker to the next (mark.c), and
 * writes "ADDRESS INSTRUCTIONS RUNS" for each block that ran. Debian has no package with qemu-plugin.h: what is used
 * of version 1 is declared here.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_INLINE_ADD_U64, QEMU_PLUGIN_CB_NO_REGS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *ptr,
					      uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int, void *), int flags, void *arg);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

struct block {
	uint64_t address;
	uint64_t instructions;
	uint64_t runs;
};

#define SLOTS (1u << 20)
static struct block blocks[SLOTS];
static unsigned int used;
static const char *output;

/* User code counts as one block: address 1. */
static struct block *find(uint64_t address)
{
	uint64_t key = address >> 47 ? address : 1;
	unsigned int i = (key * 0x9e3779b97f4a7c15u) >> 44;

	while (blocks[i].address && blocks[i].address != key)
		i = (i + 1) % SLOTS;
	if (!blocks[i].address && ++used == SLOTS / 2) {
		fprintf(stderr, "profile: too many blocks of code\n");
		exit(1);
	}
	blocks[i].address = key;
	return &blocks[i];
}

static void start(unsigned int cpu, void *arg)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		blocks[i].instructions = blocks[i].runs = 0;
}

static void stop(unsigned int cpu, void *arg)
{
	FILE *f = fopen(output, "w");

	for (unsigned int i = 0; f && i < SLOTS; i++)
		if (blocks[i].runs)
			fprintf(f, "%lx %lu %lu\n", blocks[i].address, blocks[i].instructions,
				blocks[i].runs);
	if (!f || fclose(f))
		fprintf(stderr, "profile: cannot write %s\n", output);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *b = find(qemu_plugin_tb_vaddr(tb));
	size_t n = qemu_plugin_tb_n_insns(tb);

	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->instructions,
						 n);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->runs, 1);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);

		if (qemu_plugin_insn_size(insn) != MARK_BYTES || memcmp(code, MARK_CODE, 6))
			continue;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, code[6] == MARK_START ? start : stop,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	output = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
