#include "cube/command.h"
#include "cube/keeper.h"
#include "cube/supervisor.h"

int cmd_guard(int argc, char **argv)
{
	return keeper_run(argc, argv, "guard", supervisor_guard_main);
}
