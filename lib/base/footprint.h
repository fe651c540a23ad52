/*
 * footprint: gives back what only starting up needed. Loading some forty libraries maps megabytes of code
 * that an idle daemon never runs again; dropping the mappings' pages costs a minor fault for each that is
 * needed after all. Call it once, a few seconds after start.
 */
#ifndef CUBE_BASE_FOOTPRINT_H
#define CUBE_BASE_FOOTPRINT_H

enum { FOOTPRINT_TRIM_AFTER_MS = 3000 };

void footprint_trim(void);

#endif
