# made up
@problemName Two
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength false
@seriesLength 3
@classLabel true a b
@data
1,2.5,-3e-2:4,5,6:a

% between
7,8:9,10:b
-1:1:a
