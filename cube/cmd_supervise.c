#include "cube/command.h"
#include "cube/keeper.h"
#include "cube/supervisor.h"

int cmd_supervise(int argc, char **argv)
{
	return keeper_run(argc, argv, "supervise", supervisor_main);
}
