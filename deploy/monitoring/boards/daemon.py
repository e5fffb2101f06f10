"""The program itself."""

from .kit import Board, GOOD_BAD, GREEN, ORANGE, q, steps, variable, variable_ds

J = 'job=~"$job", instance=~"$instance"'
b = BOARD = Board(
    'siptls-daemon',
    'SIP TLS: daemon',
    'siptls-probe itself: whether it runs, keeps its schedule, and what it costs.',
    ['daemon'],
    [
        variable_ds(),
        variable('job', 'Job', 'label_values(siptls_build_info, job)'),
        variable('instance', 'Instance', 'label_values(siptls_build_info{job=~"$job"}, instance)'),
    ],
    start='now-6h',
)
b.row('Now')
b.stat(
    'Up',
    'Whether Prometheus reaches the daemon. Instances that it does not reach are shown whether or not they are chosen above: one that was down for the whole time is not in that list.',
    3,
    'up{%s} or up{job=~"$job"} == 0' % J,
    mappings=GOOD_BAD,
    legend='{{instance}}',
    colour='background',
)
b.stat('Version', 'The program\'s version.', 3, 'siptls_build_info{%s}' % J, legend='{{version}}', text='name')
b.stat('Targets', 'Targets in the configuration in use.', 3, 'sum(siptls_targets{%s})' % J)
b.stat(
    'Running for',
    'Time since the start of the process.',
    3,
    'time() - process_start_time_seconds{%s}' % J,
    unit='s',
    legend='{{instance}}',
)
b.stat(
    'Configuration',
    'Whether the last attempts to load the configuration, and the web configuration if there is one, succeeded.',
    3,
    'siptls_config_last_reload_successful{%s} * siptls_web_config_last_reload_successful{%s}' % (J, J),
    mappings=GOOD_BAD,
    legend='{{instance}}',
    colour='background',
)
b.stat(
    'Loaded',
    'Age of the configuration in use.',
    3,
    'time() - siptls_config_last_reload_success_timestamp_seconds{%s}' % J,
    unit='s',
    legend='{{instance}}',
)
b.stat(
    'Journal',
    'Whether the journal\'s last attempt to open, write or prune succeeded.',
    3,
    'siptls_journal_healthy{%s}' % J,
    mappings=GOOD_BAD,
    legend='{{instance}}',
    colour='background',
    novalue='no journal',
)
b.stat(
    'Stale addresses',
    'Addresses whose last routine probe ended more than ten minutes ago; with a longer interval that is no fault.',
    3,
    'count(time() - siptls_last_probe_timestamp_seconds{%s} > 600) or vector(0)' % J,
    thresholds=steps((None, GREEN), (1, ORANGE)),
)
b.row('Schedule')
b.series(
    'Lateness',
    'How late routine probes begin. A slot that passed while the last probe was running counts one interval.',
    12,
    8,
    [
        q(
            'histogram_quantile(0.5, sum by (instance, le) (rate(siptls_schedule_lag_seconds_bucket{%s}[$__rate_interval])))'
            % J,
            'median, {{instance}}',
        ),
        q(
            'histogram_quantile(0.95, sum by (instance, le) (rate(siptls_schedule_lag_seconds_bucket{%s}[$__rate_interval])))'
            % J,
            '95 %, {{instance}}',
        ),
        q(
            'histogram_quantile(0.99, sum by (instance, le) (rate(siptls_schedule_lag_seconds_bucket{%s}[$__rate_interval])))'
            % J,
            '99 %, {{instance}}',
        ),
    ],
    's',
    fill=0,
)
b.series(
    'Probes under way',
    'Routine ones and those of /probe.',
    12,
    8,
    [q('siptls_probes_in_flight{%s}' % J, '{{instance}}')],
    'none',
)
b.series(
    'Probes',
    'Routine probes per second by how they ended.',
    12,
    8,
    [q('sum by (reason) (rate(siptls_probes_total{%s}[$__rate_interval])) > 0' % J, '{{reason}}')],
    'ops',
    True,
)
b.series(
    'Connections',
    'TCP connections per second that visits and surveys opened.',
    12,
    8,
    [q('sum by (instance) (rate(siptls_connections_total{%s}[$__rate_interval]))' % J, '{{instance}}')],
    'cps',
)
b.series(
    'Refused',
    'Requests and connections per second that the web side refused, by reason.',
    12,
    8,
    [q('sum by (reason) (rate(siptls_http_refused_total{%s}[$__rate_interval]))' % J, '{{reason}}')],
    'reqps',
)
b.row('What it costs')
b.series('CPU', 'Cores in use.', 8, 8, [q('rate(process_cpu_seconds_total{%s}[$__rate_interval])' % J, '{{instance}}')], 'none')
b.series('Memory', 'Resident memory.', 8, 8, [q('process_resident_memory_bytes{%s}' % J, '{{instance}}')], 'bytes')
b.series(
    'Open files',
    'Open file descriptors and their limit. Every probe under way needs one.',
    8,
    8,
    [q('process_open_fds{%s}' % J, 'open, {{instance}}'), q('process_max_fds{%s}' % J, 'limit, {{instance}}')],
    'none',
    fill=0,
)
b.series('Threads', 'Threads of the process.', 8, 7, [q('process_threads{%s}' % J, '{{instance}}')], 'none')
b.series(
    'Scrape time',
    'How long Prometheus waits for the metrics.',
    8,
    7,
    [q('scrape_duration_seconds{%s}' % J, '{{instance}}')],
    's',
)
b.series(
    'Series',
    'Samples of the last scrape, and series per second left out because a target had more than its limit.',
    8,
    7,
    [
        q('scrape_samples_scraped{%s}' % J, 'scraped, {{instance}}'),
        q('rate(siptls_series_dropped_total{%s}[$__rate_interval])' % J, 'dropped, {{instance}}'),
    ],
    'none',
    fill=0,
)
b.row('Journal')
b.series(
    'Changes',
    'Changes per minute: written, lost because the queue was full or the disk was, and attempts that failed.',
    12,
    8,
    [
        q('rate(siptls_journal_writes_total{%s}[$__rate_interval]) * 60' % J, 'written, {{instance}}'),
        q('rate(siptls_journal_dropped_total{%s}[$__rate_interval]) * 60' % J, 'lost, {{instance}}'),
        q('rate(siptls_journal_failures_total{%s}[$__rate_interval]) * 60' % J, 'attempts failed, {{instance}}'),
    ],
    'none',
    fill=0,
)
b.series(
    'Size',
    'Bytes of the journal\'s file and its write-ahead log.',
    12,
    8,
    [q('siptls_journal_size_bytes{%s}' % J, '{{instance}}')],
    'bytes',
)
b.row('Revocation lists')
b.series(
    'Fetches',
    'Attempts per minute to fetch a revocation list, by how they ended.',
    12,
    8,
    [q('sum by (result) (rate(siptls_crl_fetches_total{%s}[$__rate_interval])) * 60' % J, '{{result}}')],
    'none',
)
b.series(
    'Lists at hand',
    'Bytes of the revocation lists at hand.',
    12,
    8,
    [q('siptls_crl_cache_bytes{%s}' % J, '{{instance}}')],
    'bytes',
)
