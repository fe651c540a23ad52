/* PersistentVolumeClaims, PersistentVolumes, StorageClasses. */
#include <string.h>

#include "kubectl/describe/describe.h"

static const char *modes_text(struct describe *d, const struct json *modes)
{
	static const char *const names[][2] = {{"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"},
	    {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < 4; i++)
		tree_for_each(modes, mode) if (str_eq(tree_show(d->arena, mode), names[i][0]))
		    buf_printf(&out, "%s%s", out.size ? "," : "", names[i][1]);
	const char *text = arena_strdup(d->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static void put_finalizers(struct describe *d)
{
	const struct json *finalizers = tree_at(d->object, "metadata.finalizers");
	put(d, 0, "Finalizers:\t[");
	tree_for_each(finalizers, f) put(d, 0, "%s%s", f_i ? " " : "", tree_show(d->arena, f));
	put(d, 0, "]\n");
}

static const char *users_text(struct describe *d, const char *title_pad)
{
	struct buf out = BUF_INIT;
	struct json *pods = list_other(d, "pods", tree_namespace(d->object), NULL, NULL);
	tree_for_each(pods, pod)
	{
		bool uses = false;
		tree_for_each(tree_at(pod, "spec.volumes"), volume) uses =
		    uses ||
		    str_eq(tree_text(volume, "persistentVolumeClaim.claimName", ""), tree_name(d->object));
		if (uses)
			buf_printf(&out, "%s%s", out.size ? title_pad : "", tree_name(pod));
	}
	const char *text = out.size ? arena_strdup(d->arena, buf_str(&out)) : "<none>";
	buf_done(&out);
	return text;
}

void describe_claim(struct describe *d)
{
	bool bound = *text_at(d, "spec.volumeName");
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put(d, 0, "Namespace:\t%s\n", tree_namespace(d->object));
	put(d, 0, "StorageClass:\t%s\n", text_at(d, "spec.storageClassName"));
	put(d, 0, "Status:\t%s\n",
	    *text_at(d, "metadata.deletionTimestamp") ? "Terminating (lasts <invalid>)"
						      : text_at(d, "status.phase"));
	put(d, 0, "Volume:\t%s\n", text_at(d, "spec.volumeName"));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put_finalizers(d);
	put(d, 0, "Capacity:\t%s\n", bound ? text_at(d, "status.capacity.storage") : "");
	put(d, 0, "Access Modes:\t%s\n",
	    bound ? modes_text(d, tree_at(d->object, "status.accessModes")) : "");
	put(d, 0, "VolumeMode:\t%s\n", text_or(d, "spec.volumeMode", "Filesystem"));
	put(d, 0, "Used By:\t%s\n", users_text(d, "\n\t"));
	put_events(d);
}

static void put_source(struct describe *d)
{
	static const char *const sources[][3] = {
	    {"hostPath", "HostPath (bare host directory volume)", "Path:path,HostPathType:type"},
	    {"nfs", "NFS (an NFS mount that lasts the lifetime of a pod)",
		"Server:server,Path:path,ReadOnly:readOnly"},
	    {"local", "LocalVolume (a persistent volume backed by local storage on a node)", "Path:path"},
	    {"csi", "CSI (a Container Storage Interface (CSI) volume source)",
		"Driver:driver,FSType:fsType,VolumeHandle:volumeHandle,ReadOnly:readOnly"}};
	put(d, 0, "Source:\n");
	for (size_t i = 0; i < 4; i++) {
		const struct json *source = json_get(json_get(d->object, "spec"), sources[i][0]);
		if (!source)
			continue;
		put(d, 1, "Type:\t%s\n", sources[i][1]);
		size_t len;
		char **pairs = str_split(d->arena, sources[i][2], ',', &len);
		for (size_t j = 0; j < len; j++) {
			char *colon = strchr(pairs[j], ':');
			*colon = '\0';
			put(d, 1, "%s:\t%s\n", pairs[j],
			    tree_show_at(
				d->arena, source, colon + 1, str_eq(colon + 1, "readOnly") ? "false" : ""));
		}
	}
}

void describe_volume(struct describe *d)
{
	const char *claim = text_at(d, "spec.claimRef.name");
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put_finalizers(d);
	put(d, 0, "StorageClass:\t%s\n", text_at(d, "spec.storageClassName"));
	put(d, 0, "Status:\t%s\n", text_at(d, "status.phase"));
	put(d, 0, "Claim:\t%s%s%s\n", text_at(d, "spec.claimRef.namespace"), *claim ? "/" : "", claim);
	put(d, 0, "Reclaim Policy:\t%s\n", text_at(d, "spec.persistentVolumeReclaimPolicy"));
	put(d, 0, "Access Modes:\t%s\n", modes_text(d, tree_at(d->object, "spec.accessModes")));
	put(d, 0, "VolumeMode:\t%s\n", text_or(d, "spec.volumeMode", "Filesystem"));
	put(d, 0, "Capacity:\t%s\n", text_at(d, "spec.capacity.storage"));
	const struct json *terms = tree_at(d->object, "spec.nodeAffinity.required.nodeSelectorTerms");
	put(d, 0, tree_len(terms) ? "Node Affinity:\n  Required Terms:\n" : "Node Affinity:\t<none>\n");
	tree_for_each(terms, term)
	{
		put(d, 2, "Term %zu:\t", term_i);
		tree_for_each(json_get(term, "matchExpressions"), e)
		{
			put(d, 0, "%s%s %s [", e_i ? "\n\t" : "", json_get_string(e, "key", ""),
			    str_eq(json_get_string(e, "operator", ""), "In")
				? "in"
				: json_get_string(e, "operator", ""));
			tree_for_each(json_get(e, "values"), value)
			    put(d, 0, "%s%s", value_i ? ", " : "", tree_show(d->arena, value));
			put(d, 0, "]");
		}
		put(d, 0, "\n");
	}
	put(d, 0, "Message:\t%s\n", text_at(d, "status.message"));
	put_source(d);
	put_events(d);
}

void describe_storage_class(struct describe *d)
{
	const struct json *annotations = tree_at(d->object, "metadata.annotations");
	bool is_default =
	    str_eq(json_get_string(annotations, "storageclass.kubernetes.io/is-default-class", ""), "true");
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put(d, 0, "IsDefaultClass:\t%s\n", is_default ? "Yes" : "No");
	put(d, 0, "Annotations:\t%s\n", selector_text(d, annotations));
	put(d, 0, "Provisioner:\t%s\n", text_at(d, "provisioner"));
	put(d, 0, "Parameters:\t%s\n", selector_text(d, json_get(d->object, "parameters")));
	put(d, 0, "AllowVolumeExpansion:\t%s\n",
	    str_or(str_eq(text_at(d, "allowVolumeExpansion"), "true") ? "True" : "", "<unset>"));
	put(d, 0, "MountOptions:\t<none>\n");
	put(d, 0, "ReclaimPolicy:\t%s\n", text_at(d, "reclaimPolicy"));
	put(d, 0, "VolumeBindingMode:\t%s\n", text_at(d, "volumeBindingMode"));
	put_events(d);
}

void describe_priority_class(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put(d, 0, "Value:\t%s\n", text_at(d, "value"));
	put(d, 0, "GlobalDefault:\t%s\n", text_or(d, "globalDefault", "false"));
	put(d, 0, "PreemptionPolicy:\t%s\n", text_at(d, "preemptionPolicy"));
	put(d, 0, "Description:\t%s\n", text_at(d, "description"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put_events(d);
}
