/* What pods and the templates of pods have in common. */
#include <stdio.h>
#include <string.h>

#include "kubectl/describe/describe.h"

static const char *show(struct describe *d, const struct json *v, const char *path)
{
	return tree_show_at(d->arena, v, path, "");
}

static void put_state(struct describe *d, int level, const char *title, const struct json *state)
{
	const struct json *running = json_get(state, "running"), *waiting = json_get(state, "waiting");
	const struct json *terminated = json_get(state, "terminated");
	if (running) {
		put(d, level, "%s:\tRunning\n", title);
		put(d, level + 1, "Started:\t%s\n", time_text(d, json_get_string(running, "startedAt", "")));
	} else if (terminated) {
		put(d, level, "%s:\tTerminated\n", title);
		if (*show(d, terminated, "reason"))
			put(d, level + 1, "Reason:\t%s\n", show(d, terminated, "reason"));
		if (*show(d, terminated, "message"))
			put(d, level + 1, "Message:\t%s\n", show(d, terminated, "message"));
		put(d, level + 1, "Exit Code:\t%lld\n", (long long)json_get_int(terminated, "exitCode", 0));
		if (json_get_int(terminated, "signal", 0) > 0)
			put(d, level + 1, "Signal:\t%lld\n",
			    (long long)json_get_int(terminated, "signal", 0));
		put(d, level + 1, "Started:\t%s\n",
		    time_text(d, json_get_string(terminated, "startedAt", "")));
		put(d, level + 1, "Finished:\t%s\n",
		    time_text(d, json_get_string(terminated, "finishedAt", "")));
	} else if (waiting) {
		put(d, level, "%s:\tWaiting\n", title);
		if (*show(d, waiting, "reason"))
			put(d, level + 1, "Reason:\t%s\n", show(d, waiting, "reason"));
	} else {
		put(d, level, "%s:\tWaiting\n", title);
	}
}

static const char *handler_text(struct describe *d, const struct json *probe)
{
	struct json *http = json_get(probe, "httpGet"), *tcp = json_get(probe, "tcpSocket");
	if (json_get(probe, "exec")) {
		struct buf out = BUF_INIT;
		tree_for_each(tree_at(probe, "exec.command"), word)
		    buf_printf(&out, "%s%s", out.size ? " " : "", tree_show(d->arena, word));
		const char *text = arena_printf(d->arena, "exec [%s]", buf_str(&out));
		buf_done(&out);
		return text;
	}
	if (http) {
		char *scheme = str_lower(d->arena, json_get_string(http, "scheme", "http"));
		return arena_printf(d->arena, "http-get %s://%s:%s%s%s", scheme, show(d, http, "host"),
		    show(d, http, "port"), show(d, http, "path")[0] == '/' ? "" : "/", show(d, http, "path"));
	}
	if (tcp)
		return arena_printf(d->arena, "tcp-socket %s:%s", show(d, tcp, "host"), show(d, tcp, "port"));
	if (json_get(probe, "grpc"))
		return arena_printf(d->arena, "grpc <pod>:%s %s", show(d, probe, "grpc.port"),
		    show(d, probe, "grpc.service"));
	return "unknown []";
}

static void put_probe(struct describe *d, int level, const char *title, const struct json *probe)
{
	if (!probe)
		return;
	put(d, level, "%s:\t%s delay=%llds timeout=%llds period=%llds #success=%lld #failure=%lld\n", title,
	    handler_text(d, probe), (long long)json_get_int(probe, "initialDelaySeconds", 0),
	    (long long)json_get_int(probe, "timeoutSeconds", 0),
	    (long long)json_get_int(probe, "periodSeconds", 0),
	    (long long)json_get_int(probe, "successThreshold", 0),
	    (long long)json_get_int(probe, "failureThreshold", 0));
}

static void put_environment(struct describe *d, int level, const struct json *container)
{
	const struct json *env = json_get(container, "env"), *from = json_get(container, "envFrom");
	if (tree_len(from)) {
		put(d, level, "Environment Variables from:\n");
		tree_for_each(from, source)
		{
			bool is_map = json_get(source, "configMapRef") != NULL;
			const struct json *ref = json_get(source, is_map ? "configMapRef" : "secretRef");
			put(d, level + 1, "%s\t%s\tOptional: %s\n", json_get_string(ref, "name", ""),
			    is_map ? "ConfigMap" : "Secret",
			    json_get_bool(ref, "optional", false) ? "true" : "false");
		}
	}
	put(d, level, tree_len(env) ? "Environment:\n" : "Environment:\t<none>\n");
	tree_for_each(env, var)
	{
		const char *name = json_get_string(var, "name", "");
		const struct json *value = json_get(var, "valueFrom"), *ref;
		if ((ref = json_get(value, "fieldRef")))
			put(d, level + 1, "%s:\t (%s:%s)\n", name, json_get_string(ref, "apiVersion", "v1"),
			    json_get_string(ref, "fieldPath", ""));
		else if ((ref = json_get(value, "resourceFieldRef")))
			put(d, level + 1, "%s:\t%s (%s)\n", name, "", json_get_string(ref, "resource", ""));
		else if ((ref = json_get(value, "secretKeyRef")))
			put(d, level + 1, "%s:\t<set to the key '%s' in secret '%s'>\tOptional: %s\n", name,
			    json_get_string(ref, "key", ""), json_get_string(ref, "name", ""),
			    json_get_bool(ref, "optional", false) ? "true" : "false");
		else if ((ref = json_get(value, "configMapKeyRef")))
			put(d, level + 1, "%s:\t<set to the key '%s' of config map '%s'>\tOptional: %s\n",
			    name, json_get_string(ref, "key", ""), json_get_string(ref, "name", ""),
			    json_get_bool(ref, "optional", false) ? "true" : "false");
		else
			put(d, level + 1, "%s:\t%s\n", name, json_get_string(var, "value", ""));
	}
}

static void put_words(struct describe *d, int level, const char *title, const struct json *words)
{
	if (!tree_len(words))
		return;
	put(d, level, "%s:\n", title);
	tree_for_each(words, word)
	{
		const char *text = tree_show(d->arena, word);
		while (*text) {
			size_t len = strcspn(text, "\n");
			put(d, level + 1, "%.*s\n", (int)len, text);
			text += len + (text[len] == '\n');
		}
	}
}

static void put_ports(struct describe *d, int level, const struct json *container)
{
	const struct json *ports = json_get(container, "ports");
	struct buf inner = BUF_INIT, host = BUF_INIT;
	tree_for_each(ports, port)
	{
		const char *protocol = json_get_string(port, "protocol", "TCP"),
			   *comma = inner.size ? ", " : "";
		buf_printf(&inner, "%s%s/%s", comma, show(d, port, "containerPort"), protocol);
		buf_printf(&host, "%s%lld/%s", comma, (long long)json_get_int(port, "hostPort", 0), protocol);
	}
	const char *s = tree_len(ports) > 1 ? "s" : "";
	put(d, level, "Port%s:\t%s\n", s, inner.size ? buf_str(&inner) : "<none>");
	put(d, level, "Host Port%s:\t%s\n", s, host.size ? buf_str(&host) : "<none>");
	buf_done(&inner);
	buf_done(&host);
}

static void put_mounts(struct describe *d, int level, const struct json *container)
{
	const struct json *mounts = json_get(container, "volumeMounts");
	put(d, level, tree_len(mounts) ? "Mounts:\n" : "Mounts:\t<none>\n");
	tree_for_each(mounts, mount)
	{
		const char *sub = json_get_string(mount, "subPath", "");
		put(d, level + 1, "%s from %s (%s%s%s%s)\n", show(d, mount, "mountPath"),
		    show(d, mount, "name"), json_get_bool(mount, "readOnly", false) ? "ro" : "rw",
		    *sub ? ",path=\"" : "", sub, *sub ? "\"" : "");
	}
}

static void put_container(
    struct describe *d, const char *indent, const struct json *c, const struct json *status)
{
	const int level = 2; /* wherever the title stands */
	put(d, 0, "%s%s:\n", indent, show(d, c, "name"));
	if (status)
		put(d, level, "Container ID:\t%s\n", show(d, status, "containerID"));
	put(d, level, "Image:\t%s\n", show(d, c, "image"));
	if (status)
		put(d, level, "Image ID:\t%s\n", show(d, status, "imageID"));
	put_ports(d, level, c);
	put_words(d, level, "Command", json_get(c, "command"));
	put_words(d, level, "Args", json_get(c, "args"));
	if (status) {
		put_state(d, level, "State", json_get(status, "state"));
		if (tree_size(tree_at(status, "lastState.terminated")))
			put_state(d, level, "Last State", json_get(status, "lastState"));
		put(d, level, "Ready:\t%s\n", json_get_bool(status, "ready", false) ? "True" : "False");
		put(d, level, "Restart Count:\t%lld\n", (long long)json_get_int(status, "restartCount", 0));
	}
	put_resources(d, level, "Limits", tree_at(c, "resources.limits"));
	put_resources(d, level, "Requests", tree_at(c, "resources.requests"));
	put_probe(d, level, "Liveness", json_get(c, "livenessProbe"));
	put_probe(d, level, "Readiness", json_get(c, "readinessProbe"));
	put_probe(d, level, "Startup", json_get(c, "startupProbe"));
	put_environment(d, level, c);
	put_mounts(d, level, c);
}

void put_containers(struct describe *d, int level, const char *title, const struct json *containers,
    const struct json *statuses)
{
	put(d, level, "%s:%s\n", title, tree_len(containers) ? "" : " <none>");
	tree_for_each(containers, c) put_container(
	    d, level ? "   " : "  ", c, tree_find(statuses, "name", json_get_string(c, "name", "")));
}

static const struct {
	const char *member, *type, *fields;
} volume_kinds[] = {
    {"emptyDir", "EmptyDir (a temporary directory that shares a pod's lifetime)",
	"Medium:medium,SizeLimit:sizeLimit"},
    {"hostPath", "HostPath (bare host directory volume)", "Path:path,HostPathType:type"},
    {"secret", "Secret (a volume populated by a Secret)", "SecretName:secretName,Optional:optional"},
    {"configMap", "ConfigMap (a volume populated by a ConfigMap)", "Name:name,Optional:optional"},
    {"persistentVolumeClaim",
	"PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
	"ClaimName:claimName,ReadOnly:readOnly"},
    {"nfs", "NFS (an NFS mount that lasts the lifetime of a pod)",
	"Server:server,Path:path,ReadOnly:readOnly"},
    {"csi", "CSI (a Container Storage Interface (CSI) volume source)",
	"Driver:driver,FSType:fsType,ReadOnly:readOnly"},
};

static void put_volume_fields(struct describe *d, int level, const struct json *source, const char *fields)
{
	size_t len;
	char **pairs = str_split(d->arena, fields, ',', &len);
	for (size_t i = 0; i < len; i++) {
		char *colon = strchr(pairs[i], ':');
		*colon = '\0';
		const char *fallback = str_eq(colon + 1, "optional") || str_eq(colon + 1, "readOnly")
					   ? "false"
				       : str_eq(colon + 1, "sizeLimit") ? "<unset>"
									: "";
		put(d, level, "%s:\t%s\n", pairs[i], tree_show_at(d->arena, source, colon + 1, fallback));
	}
}

static void put_projected(struct describe *d, int level, const struct json *projected)
{
	put(d, level, "Type:\tProjected (a volume that contains injected data from multiple sources)\n");
	tree_for_each(json_get(projected, "sources"), source)
	{
		const struct json *s;
		if ((s = json_get(source, "secret"))) {
			put(d, level, "SecretName:\t%s\n", show(d, s, "name"));
			put(d, level, "Optional:\t%s\n", tree_show_at(d->arena, s, "optional", "false"));
		} else if (json_get(source, "downwardAPI")) {
			put(d, level, "DownwardAPI:\ttrue\n");
		} else if ((s = json_get(source, "configMap"))) {
			put(d, level, "ConfigMapName:\t%s\n", show(d, s, "name"));
			put(d, level, "ConfigMapOptional:\t%s\n",
			    tree_show_at(d->arena, s, "optional", "<nil>"));
		} else if ((s = json_get(source, "serviceAccountToken"))) {
			put(d, level, "TokenExpirationSeconds:\t%s\n", show(d, s, "expirationSeconds"));
		}
	}
}

void put_volumes(struct describe *d, int level, const struct json *volumes)
{
	put(d, level, tree_len(volumes) ? "Volumes:\n" : "Volumes:\t<none>\n");
	tree_for_each(volumes, volume)
	{
		put(d, 0, "%s%s:\n", level ? "   " : "  ", show(d, volume, "name"));
		if (json_get(volume, "projected"))
			put_projected(d, 2, json_get(volume, "projected"));
		for (size_t i = 0; i < sizeof(volume_kinds) / sizeof(*volume_kinds); i++) {
			const struct json *source = json_get(volume, volume_kinds[i].member);
			if (!source)
				continue;
			put(d, 2, "Type:\t%s\n", volume_kinds[i].type);
			put_volume_fields(d, 2, source, volume_kinds[i].fields);
		}
		const struct json *downward = json_get(volume, "downwardAPI");
		if (downward) {
			put(d, 2, "Type:\tDownwardAPI (a volume populated by information about the pod)\n");
			put(d, 2, "Items:\n");
			tree_for_each(json_get(downward, "items"), item) put(
			    d, 3, "%s -> %s\n", show(d, item, "fieldRef.fieldPath"), show(d, item, "path"));
		}
	}
}

void put_tolerations(struct describe *d, const char *title, const struct json *tolerations)
{
	bool first = true;
	if (!tree_len(tolerations))
		put(d, 0, "%s:\t<none>\n", title);
	tree_for_each(tolerations, t)
	{
		struct buf out = BUF_INIT;
		bool exists = str_eq(show(d, t, "operator"), "Exists");
		buf_puts(&out, show(d, t, "key"));
		if (*show(d, t, "value"))
			buf_printf(&out, "=%s", show(d, t, "value"));
		if (*show(d, t, "effect"))
			buf_printf(&out, ":%s", show(d, t, "effect"));
		if (exists && !*show(d, t, "value"))
			buf_printf(&out, "%sop=Exists", out.size ? " " : "");
		if (json_get(t, "tolerationSeconds"))
			buf_printf(&out, " for %ss", show(d, t, "tolerationSeconds"));
		put(d, 0, "%s%s\t%s\n", first ? title : "", first ? ":" : "", buf_str(&out));
		first = false;
		buf_done(&out);
	}
}

void put_node_selectors(struct describe *d, const struct json *spec)
{
	put_labels(d, 0, "Node-Selectors", json_get(spec, "nodeSelector"));
}

void put_pod_template(struct describe *d, const struct json *template)
{
	const struct json *spec = json_get(template, "spec");
	put(d, 0, "Pod Template:\n");
	put_labels(d, 1, "Labels", tree_at(template, "metadata.labels"));
	if (tree_size(tree_at(template, "metadata.annotations")))
		put_annotations(d, 1, "Annotations", tree_at(template, "metadata.annotations"));
	if (*show(d, spec, "serviceAccountName"))
		put(d, 1, "Service Account:\t%s\n", show(d, spec, "serviceAccountName"));
	if (tree_len(json_get(spec, "initContainers")))
		put_containers(d, 1, "Init Containers", json_get(spec, "initContainers"), NULL);
	put_containers(d, 1, "Containers", json_get(spec, "containers"), NULL);
	put_volumes(d, 1, json_get(spec, "volumes"));
	if (*show(d, spec, "priorityClassName"))
		put(d, 1, "Priority Class Name:\t%s\n", show(d, spec, "priorityClassName"));
	size_t before = d->out.size;
	put_node_selectors(d, spec);
	put_tolerations(d, "Tolerations", json_get(spec, "tolerations"));
	/* These two know no indentation of their own. */
	char *tail = arena_strdup(d->arena, d->out.data + before);
	d->out.size = before;
	d->out.data[before] = '\0';
	for (char *line = strtok(tail, "\n"); line; line = strtok(NULL, "\n"))
		put(d, 1, "%s\n", line);
}
