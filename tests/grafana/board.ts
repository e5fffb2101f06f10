// What a dashboard of ours may hold: Grafana's own types, put together as JSON has them. Every panel's options and field
// configuration are those of its kind. What Prometheus adds to queries, annotations and variables is not in Grafana's package
// and stands here: https://grafana.com/docs/grafana/latest/datasources/prometheus/.
import type { AnnotationQuery, Dashboard, DataQuery, DataSourceRef, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type * as barGauge from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as heatmap from '@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as stateTimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as timeSeries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

/** A query as the Prometheus data source stores it. */
interface Query extends DataQuery {
  datasource: DataSourceRef;
  expr: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  range: boolean;
  legendFormat?: string;
}

/** A panel of one kind. What is asked of every panel here is required. */
type Of<Kind extends string, Options, Fields> = Omit<
  Panel<Options, Fields>,
  'type' | 'options' | 'targets' | 'id' | 'title' | 'description' | 'gridPos' | 'datasource' | 'fieldConfig'
> & {
  type: Kind;
  options: Options;
  targets: Query[];
} & Required<Pick<Panel<Options, Fields>, 'id' | 'title' | 'description' | 'gridPos' | 'datasource'>> & {
    fieldConfig: { defaults: Omit<NonNullable<Panel<Options, Fields>['fieldConfig']>['defaults'], 'custom'> & { custom?: Fields }; overrides: NonNullable<Panel['fieldConfig']>['overrides'] };
  };

export type BarGauge = Of<'bargauge', barGauge.Options, never>;
export type Heatmap = Of<'heatmap', heatmap.Options, heatmap.FieldConfig>;
export type Row = RowPanel;
export type Stat = Of<'stat', stat.Options, never>;
export type StateTimeline = Of<'state-timeline', stateTimeline.Options, stateTimeline.FieldConfig>;
export type Table = Of<'table', table.Options, table.FieldConfig>;
export type TimeSeries = Of<'timeseries', timeSeries.Options, timeSeries.FieldConfig>;

type Annotation = Omit<AnnotationQuery, 'target'> & {
  expr: string;
  step: string;
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
  useValueForTime?: boolean;
};

type Variable = Omit<VariableModel, 'query'> & {
  query?: string | { query: string; refId: string };
  definition?: string;
};

/** Everything but the panels, each of which is held against the type of its own kind. */
export type Board = Omit<Dashboard, 'panels' | 'annotations' | 'templating' | 'uid' | 'title' | 'description' | 'tags'> & {
  uid: string;
  title: string;
  description: string;
  tags: string[];
  panels: unknown[];
  annotations: { list: Annotation[] };
  templating: { list: Variable[] };
};
