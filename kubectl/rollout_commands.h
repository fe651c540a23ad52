/* rollout_commands: the larger subcommands of `kubectl rollout`. */
#ifndef CUBE_KUBECTL_ROLLOUT_COMMANDS_H
#define CUBE_KUBECTL_ROLLOUT_COMMANDS_H

struct command;

extern const struct command rollout_status, rollout_history, rollout_undo;

#endif
