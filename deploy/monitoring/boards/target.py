"""One target at each of its addresses."""

from .kit import (
    ACCEPTED,
    BLUE,
    Board,
    CHECKS,
    DAYS,
    DS,
    GOOD_BAD,
    GREEN,
    MODES,
    ORANGE,
    PURPLE,
    RED,
    REVOCATION,
    SKY,
    VERDICTS,
    YELLOW,
    YES_NO,
    column,
    merge,
    mode,
    q,
    rank,
    steps,
    table,
    variable,
    variable_ds,
    variable_page,
)

T = 'target="$target", address=~"$address"'


def asking(reduce, metric):
    """Time until then, of addresses that ask for a client certificate alone; at depth hello the mode is not seen."""
    return (
        '%s(%s{%s} and on (target, address) (max by (target, address) (siptls_client_certificate_mode{%s, mode=~"optional|required"}) == 1 or max by (target, address) (siptls_client_certificate_authorities{%s}))) - time()'
        % (reduce, metric, T, T, T)
    )


b = BOARD = Board(
    'siptls-target',
    'SIP TLS: target',
    'One target at each of its addresses: verdict, certificates, handshake, SIP, changes.',
    ['target'],
    [
        variable_ds(),
        variable('target', 'Target', 'label_values(siptls_verdict, target)', multi=False),
        variable('address', 'Address', 'label_values(siptls_verdict{target="$target"}, address)'),
        variable_page(),
    ],
    [
        {
            "name": "Changes",
            "enable": True,
            "hide": False,
            "iconColor": PURPLE,
            "datasource": DS,
            "expr": 'siptls_last_change_timestamp_seconds{target="$target"} * 1000',
            "step": "60s",
            "useValueForTime": True,
            "titleFormat": "{{aspect}} changed",
            "textFormat": "{{address}}",
            "tagKeys": "aspect",
        },
        {
            "name": "Maintenance",
            "enable": True,
            "hide": False,
            "iconColor": SKY,
            "datasource": DS,
            "expr": 'max(siptls_maintenance{target="$target"}) == 1',
            "step": "60s",
            "titleFormat": "maintenance window",
            "textFormat": "alerts keep quiet",
            "tagKeys": "",
        },
    ],
)
b.row('Now')
b.stat(
    'Verdict',
    'The verdict of the last routine probe, for each address.',
    6,
    rank(T, 'address'),
    mappings=VERDICTS,
    legend='{{address}}',
    colour='background',
)
b.stat(
    'Client certificate',
    'Whether the endpoint asks for a client certificate, for each address.',
    6,
    mode(T, 'address'),
    mappings=MODES,
    legend='{{address}}',
    colour='background',
)
b.stat(
    'Certificate ends in',
    'Time until the endpoint\'s own certificate ends; the shortest of its addresses.',
    3,
    'min(siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()' % T,
    unit='s',
    thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)),
    novalue='not seen',
)
b.stat(
    'First removal in',
    'Time until the first load balancer that dials this endpoint, which asks for a client certificate, has no clientAuth any more; negative when that has happened. Nothing where it asks for none, or the date is not known.',
    3,
    asking('min', 'siptls_eku_removal_start_timestamp_seconds'),
    unit='s',
    thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)),
    novalue='not affected',
)
b.stat(
    'Last removal in',
    'Time until no load balancer that dials this endpoint, which asks for a client certificate, can present clientAuth any more. Nothing where it asks for none, or the date is not known.',
    3,
    asking('max', 'siptls_eku_removal_deadline_timestamp_seconds'),
    unit='s',
    thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)),
    novalue='not affected',
)
b.stat(
    'SIP answers',
    'Status code of the last final response to OPTIONS, for each address. Any code shows that a SIP stack is there.',
    3,
    'siptls_sip_response_code{%s}' % T,
    thresholds=steps((None, GREEN), (500, YELLOW)),
    legend='{{address}}',
    novalue='no answer',
)
b.row('Verdict')
b.timeline('Verdict over time', 'The verdict of each address.', 24, 5, [q(rank(T, 'address'), '{{address}}')], VERDICTS)
b.timeline(
    'Checks',
    'Each check at the worst of the addresses shown; checks that were skipped have no line.',
    24,
    12,
    [q('min by (check) (siptls_check_passed{%s} + siptls_check_warning{%s})' % (T, T), '{{check}}')],
    CHECKS,
    30,
)
b.timeline(
    'Client certificate',
    'Whether the endpoint asked for a client certificate.',
    12,
    5,
    [q(mode(T, 'address'), '{{address}}')],
    MODES,
)
b.timeline(
    'Client identities',
    'Which client certificates the last rehearsal found accepted; empty without client identities in the configuration.',
    12,
    5,
    [q('max by (address, identity) (siptls_client_identity_accepted{%s})' % T, '{{identity}} at {{address}}')],
    ACCEPTED,
    novalue='no client identities',
)
b.row('Certificates')
b.table(
    'Certificates as sent',
    'Position 0 is the endpoint\'s own. What is red ends within a week.',
    24,
    7,
    [
        table(
            'siptls_certificate_info{%s} * on (instance, target, address, position) group_left () ((siptls_certificate_not_after_timestamp_seconds{%s} - time()) / 86400)'
            % (T, T)
        )
    ],
    [
        column('Value', title='Days left', thresholds=DAYS, decimals=0),
        column('position', title='Position', width=80),
        column('fingerprint_sha256', title='SHA-256', width=160),
    ],
    merge(
        ['Time', '__name__', 'instance', 'job', 'profile', 'target'],
        ['address', 'position', 'subject', 'issuer', 'Value', 'serial', 'fingerprint_sha256'],
        ('position', False),
        40,
    ),
)
b.timeline(
    'Purposes of the certificate',
    'Extended key usage of the endpoint\'s own certificate; without the extension there is no line, and any use is allowed.',
    12,
    6,
    [
        q(
            'max by (address, purpose) (siptls_certificate_extended_key_usage{%s, position="0"})' % T,
            '{{purpose}} at {{address}}',
        )
    ],
    YES_NO,
)
b.timeline(
    'Chain',
    'Whether what is sent leads to a root without a gap, and to one that the caller trusts.',
    12,
    6,
    [
        q('min by (address) (siptls_chain_complete{%s})' % T, 'complete at {{address}}'),
        q('min by (address) (siptls_chain_trusted{%s})' % T, 'trusted at {{address}}'),
    ],
    GOOD_BAD,
)
b.timeline(
    'Revocation',
    'What the revocation lists say of the certificates of the path.',
    12,
    5,
    [
        q(
            'max by (address) (3 * siptls_revocation_status{%s, status="not_checked"} or 2 * siptls_revocation_status{%s, status="revoked"} or 1 * siptls_revocation_status{%s, status="unknown"} or 0 * siptls_revocation_status{%s, status="good"})'
            % (T, T, T, T),
            '{{address}}',
        )
    ],
    REVOCATION,
)
b.series(
    'Revocation list valid for',
    'Time until the earliest of the revocation lists ends; it is fetched anew before.',
    6,
    5,
    [q('siptls_crl_next_update_timestamp_seconds{%s} - time()' % T, '{{address}}')],
    's',
)
b.table(
    'Trusted root',
    'The root that the chain leads to.',
    6,
    5,
    [table('max by (address, name, subject_hash) (siptls_trust_anchor_info{%s})' % T)],
    [column('name', title='Root'), column('subject_hash', title='Hash', width=100)],
    merge(['Time', 'Value'], ['address', 'name', 'subject_hash'], limit=20),
    novalue='none is reached',
)
b.row('Handshake')
b.table(
    'Negotiated',
    'Version, suite and curve that the endpoint picked in the last routine probe.',
    12,
    6,
    [table('max by (address, version, cipher_suite, group) (siptls_negotiated_info{%s})' % T)],
    [column('cipher_suite', title='Suite')],
    merge(['Time', 'Value'], ['address', 'version', 'cipher_suite', 'group'], limit=20),
)
b.series(
    'CA names in the request',
    'Names of authorities in the endpoint\'s CertificateRequest.',
    12,
    6,
    [q('siptls_client_certificate_authorities{%s}' % T, '{{address}}')],
    'none',
)
b.timeline(
    'Accepted suites',
    'What the last survey found; a suite that it did not find out has no line.',
    24,
    8,
    [q('min by (cipher_suite) (siptls_cipher_suite_accepted{%s})' % T, '{{cipher_suite}}')],
    ACCEPTED,
)
b.timeline(
    'Accepted versions',
    'What the last survey found.',
    12,
    6,
    [q('min by (version) (siptls_version_accepted{%s})' % T, '{{version}}')],
    ACCEPTED,
)
b.timeline(
    'Accepted curves',
    'What the last survey found.',
    12,
    6,
    [q('min by (group) (siptls_group_accepted{%s})' % T, '{{group}}')],
    ACCEPTED,
)
b.row('Visits')
b.series(
    'Times',
    'Median and 95th percentile of each phase of routine probes.',
    12,
    8,
    [
        q(
            'histogram_quantile(0.5, sum by (phase, le) (rate(siptls_phase_duration_seconds_bucket{%s}[$__rate_interval])))'
            % T,
            '{{phase}} median',
        ),
        q(
            'histogram_quantile(0.95, sum by (phase, le) (rate(siptls_phase_duration_seconds_bucket{%s}[$__rate_interval])))'
            % T,
            '{{phase}} 95 %',
        ),
    ],
    's',
    fill=0,
)
b.add(
    'heatmap',
    'Handshake times',
    'How long the TLS handshake took: each cell counts routine probes.',
    12,
    8,
    [
        q(
            'sum by (le) (increase(siptls_phase_duration_seconds_bucket{%s, phase="tls"}[$__rate_interval]))' % T,
            '{{le}}',
            fmt='heatmap',
        )
    ],
    {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Cividis", "steps": 32, "exponent": 0.5, "fill": BLUE, "reverse": False},
        "exemplars": {"color": RED},
        "filterValues": {"le": 0.001},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
        "yAxis": {"axisPlacement": "left", "unit": "s"},
    },
    {},
)
b.series(
    'Visits by outcome',
    'Routine probes per minute by how they ended.',
    12,
    8,
    [q('sum by (reason) (rate(siptls_probes_total{%s}[$__rate_interval])) * 60 > 0' % T, '{{reason}}')],
    stack=True,
)
b.series(
    'Connections',
    'Connections per hour that visits and surveys made, what the budget leaves within the hour, and the pause under way.',
    12,
    8,
    [
        q('sum by (address) (rate(siptls_connections_total{%s}[$__rate_interval])) * 3600' % T, 'made per hour, {{address}}'),
        q('siptls_connection_budget_remaining{%s}' % T, 'left, {{address}}'),
        q('siptls_backoff_seconds{%s}' % T, 'pause in seconds, {{address}}'),
    ],
    'none',
    fill=0,
)
b.series(
    'Age of what is known',
    'Time since the last routine probe and since the last survey.',
    12,
    6,
    [
        q('time() - siptls_last_probe_timestamp_seconds{%s}' % T, 'probe, {{address}}'),
        q('time() - siptls_last_survey_timestamp_seconds{%s}' % T, 'survey, {{address}}'),
    ],
    's',
    fill=0,
)
b.timeline(
    'Reached',
    'Whether the last routine probe read a whole server flight.',
    12,
    6,
    [q('siptls_up{%s}' % T, '{{address}}')],
    GOOD_BAD,
)
