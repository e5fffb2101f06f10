#!/bin/sh
# Prints the chart of deploy/helm as plain manifests, with the values of deploy/kubernetes/values.yaml and without what only Helm needs:
# deploy/kubernetes/siptls-probe.yaml, or with the word `servicemonitor`, what the operator of Prometheus needs besides,
# deploy/kubernetes/servicemonitor.yaml. tests/generated compares the files. `tests/kubernetes/install` gets Helm.
set -eu
case ${1:-} in
    '') only= ;;
    servicemonitor) only='--set=serviceMonitor.enabled=true --show-only=templates/servicemonitor.yaml' ;;
    *) echo "expected servicemonitor or nothing, found $1" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/../.."
rendered=$(tests/kubernetes/tools/helm template siptls-probe deploy/helm/siptls-probe --namespace siptls-probe \
    --values deploy/kubernetes/values.yaml $only 2>/dev/null) || {
    echo "the chart does not render" >&2
    echo "hint: tests/kubernetes/install, then tests/kubernetes/tools/helm lint deploy/helm/siptls-probe" >&2
    exit 1
}
echo '# Made by deploy/kubernetes/siptls-probe.sh from the chart; change that, or deploy/kubernetes/values.yaml.'
echo "$rendered" |
    sed -e '/^# Source: /d' -e '/helm.sh\/chart: /d' -e 's/managed-by: Helm/managed-by: kustomize/' -e '1{/^---$/d}'
