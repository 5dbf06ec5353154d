"""The functions and types that a sealed query may use. What is not listed here is refused, also in a newer engine."""

from __future__ import annotations

from seamless_lab.app.sql.macros import MACROS
from seamless_lab.app.sql.sizes import GROWING


def _names(*texts: str) -> frozenset[str]:
    return frozenset(name for text in texts for name in text.split())


_OPERATORS = """
!__postfix !~~ !~~* % & && * ** + - -> ->> / // < << <= = > >= >> <@ @ @> ^ ^@ | || ~ ~~ ~~* ~~~
like_escape not_like_escape ilike_escape not_ilike_escape
"""
_NUMBERS = """
abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even exp
factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor if isfinite isinf isnan lcm least
least_common_multiple lgamma ln log log10 log2 mod multiply nextafter nullif pi pow power radians round round_even
roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc xor
"""
_TIMES = """
century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth
dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us hour isodow isoyear julian last_day make_date
make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz microsecond millennium millisecond minute
month monthname nanosecond normalized_interval quarter second strftime strptime time_bucket timezone timezone_hour
timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes
to_months to_quarters to_seconds to_timestamp to_weeks to_years try_strptime week weekday weekofyear year yearweek
"""
_TEXTS = """
array_to_string array_to_string_comma_default ascii base64 bin char_length character_length chr concat concat_ws
contains ends_with from_base64 from_hex hash hex instr lcase left length lower ltrim md5 octet_length ord position
prefix regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
regexp_split_to_array replace reverse right rtrim sha1 sha256 split split_part starts_with str_split str_split_regex
string_split string_split_regex string_to_array strip_accents strlen strpos substr substring suffix to_base64 to_binary
to_hex translate trim ucase unbin unhex unicode upper
"""
_NESTED = """
alias apply array_append array_apply array_cat array_concat array_contains array_cosine_distance array_cosine_similarity
array_cross_product array_distance array_distinct array_dot_product array_extract array_filter array_grade_up array_has
array_has_all array_has_any array_indexof array_inner_product array_intersect array_length array_negative_dot_product
array_negative_inner_product array_pop_back array_pop_front array_position array_prepend array_push_back
array_push_front array_reduce array_reverse array_reverse_sort array_select array_slice array_sort array_transform
array_unique array_value array_where array_zip cardinality constant_or_null element_at filter flatten grade_up json
json_array json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text
json_extract_string json_group_array json_group_object json_keys json_merge_patch json_object json_quote json_structure
json_type json_valid json_value len list_any_value list_append list_apply list_avg list_bit_and list_bit_or list_bit_xor
list_bool_and list_bool_or list_cat list_concat list_contains list_cosine_distance list_cosine_similarity list_count
list_distance list_distinct list_dot_product list_element list_entropy list_extract list_filter list_first list_grade_up
list_has list_has_all list_has_any list_histogram list_indexof list_inner_product list_intersect list_kurtosis
list_kurtosis_pop list_last list_mad list_max list_median list_min list_mode list_negative_dot_product
list_negative_inner_product list_pack list_position list_prepend list_product list_reduce list_reverse list_reverse_sort
list_select list_sem list_skewness list_slice list_sort list_stddev_pop list_stddev_samp list_string_agg list_sum
list_transform list_unique list_value list_var_pop list_var_samp list_where list_zip map map_concat map_contains
map_contains_entry map_contains_value map_entries map_extract map_extract_value map_from_entries map_keys map_values
reduce row row_to_json struct_concat struct_contains struct_extract struct_extract_at struct_has struct_indexof
struct_insert struct_keys struct_pack struct_position struct_update struct_values to_json typeof union_extract union_tag
union_value unnest unpivot_list
"""
_AGGREGATES = """
any_value approx_count_distinct approx_quantile arbitrary arg_max arg_max_null arg_max_nulls_last arg_min
arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if
count_star countif covar_pop covar_samp entropy favg first fsum geomean geometric_mean group_concat grouping grouping_id
histogram histogram_exact kahan_sum kurtosis kurtosis_pop last list listagg lttb mad max max_by mean median min min_by
mode product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
regr_sxx regr_sxy regr_syy sem skewness stddev stddev_pop stddev_samp string_agg sum sumkahan sum_no_overflow var_pop
var_samp variance wavg weighted_avg
"""
_WINDOWS = """
cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number
"""

RESAMPLE = "resample"
"""A macro that stands for a table."""

ALLOWED = _names(_OPERATORS, _NUMBERS, _TIMES, _TEXTS, _NESTED, _AGGREGATES, _WINDOWS) | MACROS.union(GROWING) - {
    RESAMPLE
}
"""Functions of values, which give the same answer for the same arguments."""

NAMING = _names("aggregate array_aggr array_aggregate list_aggr list_aggregate")
"""Functions that find an aggregate by its name in a text: what they reach, no list says. Refused with what to write."""

VOLATILE = _names(
    """ago current_date current_localtime current_localtimestamp gen_random_uuid get_current_time get_current_timestamp
    now random reservoir_quantile today transaction_timestamp uuid uuidv4 uuidv7"""
)
"""Functions whose answer depends on the clock or on chance; `age` of one argument is one too."""

VOLATILE_NAMES = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
"""Functions of the clock that are written like a column."""

SESSION_NAMES = frozenset({"current_catalog", "current_role", "current_schema", "current_user", "session_user", "user"})
"""Functions of the session that are written like a column."""

TABLE_FUNCTIONS = frozenset({"generate_series", "range", "unnest"})
"""Table functions that read nothing; `resample`, ours, reads a pin."""

TYPES = _names(
    """any array bigint bignum binary bit bitstring blob bool boolean bpchar bytea char date datetime dec decimal double
    enum float float4 float8 hugeint int int1 int128 int16 int2 int32 int4 int64 int8 integer integral interval json
    list logical long map null numeric oid real row short signed smallint string struct text time timestamp timestamp_ms
    timestamp_ns timestamp_s timestamp_us timestamptz timetz tinyint ubigint uhugeint uint16 uint32 uint64 uint8
    uinteger union usmallint utinyint uuid varbinary varchar varint"""
) | {"time with time zone", "timestamp with time zone", "timestamp with local time zone"}
"""Types that a value may be cast to."""
