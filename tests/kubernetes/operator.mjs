// Holds resources of the Prometheus operator, one JSON list on standard input, against the operator's own schemas.
// Prints `kind/name: ok`, or what is wrong with it; ends with 1 when anything is.
import * as v1 from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { readFileSync } from "node:fs";

let bad = 0;
for (const resource of JSON.parse(readFileSync(0, "utf8"))) {
  const name = `${resource.kind}/${resource.metadata?.name}`;
  const Model = v1[resource.kind];
  try {
    if (!Model) throw new Error(`the operator has no ${resource.kind}`);
    new Model(resource).validate();
    console.log(`${name}: ok`);
  } catch (error) {
    bad = 1;
    console.log(`${name}: ${error.message}`);
  }
}
process.exitCode = bad;
