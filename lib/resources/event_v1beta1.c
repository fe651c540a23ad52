/* events.k8s.io/v1beta1 Event. */
#include "lib/resources/event.h"

const struct resource_type event_v1beta1_strategy = {.convert = event_convert};
