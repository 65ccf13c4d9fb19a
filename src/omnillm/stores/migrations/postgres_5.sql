-- As sqlite_8.sql: what is not yet added to `daily`, and both together. Whatever changes the columns of `daily` adds `unfolded` to it before.
CREATE TABLE unfolded (
    number BIGINT NOT NULL PRIMARY KEY,
    lines  JSON   NOT NULL
);

CREATE VIEW daily_lines AS
    SELECT
    day, caller, model, provider, key, requests, attempts, cost_nanousd, input, cache_read, cache_write_short, cache_write_long,
    input_audio, cache_read_audio, input_image, cache_read_image, input_video, output, reasoning, output_audio, output_image,
    output_video, images, tool_calls, characters, audio_ms
    FROM daily
    UNION ALL
    SELECT
        (line.value #>> '{0,0}') COLLATE "C" AS day,
        (line.value #>> '{0,1}') COLLATE "C" AS caller,
        (line.value #>> '{0,2}') COLLATE "C" AS model,
        (line.value #>> '{0,3}') COLLATE "C" AS provider,
        (line.value #>> '{0,4}') COLLATE "C" AS key,
        CAST(line.value #>> '{1,0}' AS BIGINT) AS requests,
        CAST(line.value #>> '{1,1}' AS BIGINT) AS attempts,
        CAST(line.value #>> '{1,2}' AS BIGINT) AS cost_nanousd,
        CAST(line.value #>> '{1,3}' AS BIGINT) AS input,
        CAST(line.value #>> '{1,4}' AS BIGINT) AS cache_read,
        CAST(line.value #>> '{1,5}' AS BIGINT) AS cache_write_short,
        CAST(line.value #>> '{1,6}' AS BIGINT) AS cache_write_long,
        CAST(line.value #>> '{1,7}' AS BIGINT) AS input_audio,
        CAST(line.value #>> '{1,8}' AS BIGINT) AS cache_read_audio,
        CAST(line.value #>> '{1,9}' AS BIGINT) AS input_image,
        CAST(line.value #>> '{1,10}' AS BIGINT) AS cache_read_image,
        CAST(line.value #>> '{1,11}' AS BIGINT) AS input_video,
        CAST(line.value #>> '{1,12}' AS BIGINT) AS output,
        CAST(line.value #>> '{1,13}' AS BIGINT) AS reasoning,
        CAST(line.value #>> '{1,14}' AS BIGINT) AS output_audio,
        CAST(line.value #>> '{1,15}' AS BIGINT) AS output_image,
        CAST(line.value #>> '{1,16}' AS BIGINT) AS output_video,
        CAST(line.value #>> '{1,17}' AS BIGINT) AS images,
        CAST(line.value #>> '{1,18}' AS BIGINT) AS tool_calls,
        CAST(line.value #>> '{1,19}' AS BIGINT) AS characters,
        CAST(line.value #>> '{1,20}' AS BIGINT) AS audio_ms
    FROM unfolded, json_array_elements(unfolded.lines) AS line (value);
