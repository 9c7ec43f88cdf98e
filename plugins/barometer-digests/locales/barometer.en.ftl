# Datasets: what is wrong, what changed, and their rows for everybody.

remote-more = and { $count } more
remote-status = the server answers with HTTP status { $status }: compare the address of the source
remote-down = the server is down: nothing to do, it is asked again
remote-refused = the portal refuses the query ({ $code }): { $message } Compare filter and columns in the digest file
remote-quota = the portal’s quota of calls is used up: ask less often (every_minutes)
remote-quota-until = the portal’s quota of calls is used up until { $until } (UTC): ask less often (every_minutes)
remote-unknown-dataset = the portal knows no such dataset: correct dataset_id, which follows /datasets/ in the address of its page
remote-not-public = this dataset is not public: ask the portal to open it
remote-nothing-matches = no record matches: widen filter, or look whether the dataset is empty
remote-never-the-same = the dataset changes while it is read: reading begins again at its next turn
remote-not-an-api = what answers is not Opendatasoft’s Explore API v2.1: give the address of the portal, such as https://data.example.org

table-too-large = the file is too large (more than 32 MiB): leave out the columns that are not needed, or split it
table-too-many-rows = there are more than 100,000 rows: filter them, or split the table
table-too-many-columns = there are more than 500 columns: leave out those that are not needed
table-no-rows = there is no row: a table has one row for each indicator, edition and stratum
table-web-page = this is a web page, not a table: give the address of the file itself
table-workbook = this is a workbook: save the sheet as “CSV UTF-8”
table-unreadable = the table cannot be read: { $words }
table-not-json = this is no JSON array of objects: { $words }
table-missing-column = the column “{ $wanted }” is missing; there are { $there }: name it so, or name the column that holds it
table-column-twice = the columns “{ $one }” and “{ $another }” mean the same: leave one out
table-cell = { $place }, column “{ $column }”: “{ $read }” { $fault }
table-row = { $place }: { $fault }
place-line = line { $number }
place-record = record { $number }
fault-no-number = is no number: write it in digits, such as 66.7 or 1234, or leave the row out
fault-two-readings = can be read in two ways: write 1 234 for more than a thousand, or one decimal more or less
fault-too-many-digits = has too many digits: write up to 15, and 10 decimals
fault-empty = is empty: write it, or leave the row out
fault-too-long = is longer than { $max } characters: shorten it
fault-over-hundred = is over 100%: write a share of 0 to 100, or another unit
fault-below-zero = is below zero: nothing counts less than 0
fault-bad-base = is no whole number of answers: write how many there were, or leave it empty where it was not published
fault-unknown-unit = is no unit: write percent, count or euro
fault-no-unit = has no unit: write % behind the value, or add a column unit with percent, count or euro
fault-other-unit = says another unit than the column unit, which says { $unit }: correct one of them
fault-contradicts = is another value than { $first } gives the same indicator, edition and stratum: keep one of the two
fault-not-one-value = is no text and no number: write one value a cell
fault-row = cannot be read: { $words }

remark-column-appeared = A column has appeared: “{ $column }”.
remark-column-vanished = A column has vanished: “{ $column }”.
remark-column-renamed = A column was renamed: “{ $from }” is now “{ $to }”.
remark-rows-vanished = { $rows ->
    [one] A row of the version before has vanished: { $first }.
   *[other] { $rows } rows of the version before have vanished, among them: { $first }.
}
remark-rows-repeated = { $rows ->
    [one] One row was written twice.
   *[other] { $rows } rows were written twice.
}

data-title = Dataset { $dataset }, version { $version }
data-origin = { $rows ->
    [one] One row, read from { $origin } on { $moment } (UTC). This version never changes.
   *[other] { $rows } rows, read from { $origin } on { $moment } (UTC). This version never changes.
}
data-csv = Download as CSV
data-remarks = Good to know
data-caption = The figures, row by row
data-column-row = Row
data-column-indicator = Indicator
data-column-edition = Edition
data-column-stratum = Stratum
data-column-value = Value
data-column-base = Base (answers)
data-everybody = everybody
data-base-unknown = not published
data-skip = Skip to the content
data-other-language = Français
